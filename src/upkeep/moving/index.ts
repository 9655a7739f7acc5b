export { MoveLost, ShardUnlike, SourcesMissing } from './errors.js';
export { GatherShards } from './gather-shards.js';
export { LapsedMoves } from './lapsed-moves.js';
export { LEASE_SECONDS, MoveLease } from './move-lease.js';
export { MovingModule } from './moving.module.js';
export { MoveShard, saysNowhere } from './move-shard.js';
export type { Moved, MoveOptions, MoveOutcome } from './moved.js';
export { REPAIR, Repair } from './repair.js';
export { anythingLost } from './lost.store.js';
export {
  abandonMove,
  holdPublished,
  type LyingShard,
  type MoveReason,
  type ShardId,
  shardsOfChunk,
  stands,
} from './moves.store.js';
