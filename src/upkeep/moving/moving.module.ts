import { Module } from '@nestjs/common';
import { ConnectionsModule } from '../../connections/index.js';
import { GatherShards } from './gather-shards.js';
import { LapsedMoves } from './lapsed-moves.js';
import { MoveShard } from './move-shard.js';

/**
 * Shards on their way from one blob to another, whoever wants them moved. Knows how a move is begun, proved, counted and
 * taken back, and who wins when two want the same; does not know which shards should move. Asks for no key.
 */
@Module({
  imports: [ConnectionsModule],
  providers: [GatherShards, LapsedMoves, MoveShard],
  exports: [LapsedMoves, MoveShard],
})
export class MovingModule {}
