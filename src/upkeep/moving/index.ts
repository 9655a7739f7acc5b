export { LapsedMoves } from './lapsed-moves.js';
export { MovingModule } from './moving.module.js';
export { MoveShard } from './move-shard.js';
export type { Moved, MoveOptions, MoveOutcome } from './moved.js';
export { REPAIR, Repair } from './repair.js';
export { anythingLost } from './lost.store.js';
export type { MoveReason, ShardId } from './moves.store.js';
