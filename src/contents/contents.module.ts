import { Module } from '@nestjs/common';
import { GatewaysModule } from '../gateways/index.js';
import { KeysModule } from '../keys/index.js';
import { Drafts } from './drafts.js';
import { Quota } from './quota.js';

/**
 * Sealed contents: drafts, chunks, shards, blobs, and the quota they count against. Knows what lies
 * where and in which state; does not know names or folders, and never touches a connection itself.
 */
@Module({
  imports: [GatewaysModule, KeysModule],
  providers: [Drafts, Quota],
  exports: [Drafts, Quota],
})
export class ContentsModule {}
