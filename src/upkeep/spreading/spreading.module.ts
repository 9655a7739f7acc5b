import { Module } from '@nestjs/common';
import { AuditModule } from '../../audit/index.js';
import { ConnectionsModule } from '../../connections/index.js';
import { JobsModule } from '../../jobs/index.js';
import { HomesModule } from '../homes/index.js';
import { MovingModule } from '../moving/index.js';
import { SealedSource } from './sealed-source.js';
import { SpreadAnew } from './spread-anew.js';
import { SpreadChunk } from './spread-chunk.js';
import { SpreadingWork } from './spreading-work.js';
import { SpreadingController } from './spreading.controller.js';

/**
 * Stored chunks that are to be spread otherwise: other shards of the same sealed bytes. Knows which shards can stay, how
 * the rest is made and made to count, and which chunks are not yet as their account wants them. Asks for no key.
 */
@Module({
  imports: [AuditModule, ConnectionsModule, HomesModule, JobsModule, MovingModule],
  controllers: [SpreadingController],
  providers: [SealedSource, SpreadAnew, SpreadChunk, SpreadingWork],
})
export class SpreadingModule {}
