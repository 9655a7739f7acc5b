import { Global, Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { AccountsModule } from '../accounts/index.js';
import { AccessGuard } from './access.guard.js';
import { RouteTable } from './route-table.js';

/**
 * Who may call what. Knows how a caller is recognised on a request, what every route declares about its callers and about
 * what it takes, and refuses the rest. Does not know what a route does, nor whose a file is: that a thing belongs to
 * somebody else, its own room answers, as if it did not exist.
 */
@Global()
@Module({
  imports: [AccountsModule, DiscoveryModule],
  providers: [RouteTable, { provide: APP_GUARD, useClass: AccessGuard }],
  exports: [RouteTable],
})
export class AccessModule {}
