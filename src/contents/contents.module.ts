import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/index.js';
import { GatewaysModule } from '../gateways/index.js';
import { KeysModule } from '../keys/index.js';
import { Drafts } from './drafts.js';
import { Losses } from './losses.js';
import { Quota } from './quota.js';

/**
 * Sealed contents: drafts, chunks, shards, blobs, and the quota they count against. Knows what lies
 * where and in which state; does not know names or folders, and never touches a connection itself.
 */
@Module({
  imports: [AuditModule, GatewaysModule, KeysModule],
  providers: [Drafts, Losses, Quota],
  exports: [Drafts, Losses, Quota],
})
export class ContentsModule {}
