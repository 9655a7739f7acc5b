import { Module } from '@nestjs/common';
import { AuditModule } from '../../audit/index.js';
import { ConnectionsModule } from '../../connections/index.js';
import { ContentsModule } from '../../contents/index.js';
import { JobsModule } from '../../jobs/index.js';
import { GatherShards } from './gather-shards.js';
import { LapsedMoves } from './lapsed-moves.js';
import { MoveMetrics } from './move-metrics.js';
import { MoveShard } from './move-shard.js';
import { Repair } from './repair.js';

/**
 * Shards on their way from one blob to another, whoever wants them moved. Knows how a move is begun, proved, counted and
 * taken back, and who wins when two want the same; and of those that are lost, which come first. Asks for no key.
 */
@Module({
  imports: [AuditModule, ConnectionsModule, ContentsModule, JobsModule],
  providers: [GatherShards, LapsedMoves, MoveMetrics, MoveShard, Repair],
  exports: [GatherShards, LapsedMoves, MoveShard, Repair],
})
export class MovingModule {}
