export { ErasureCode, Recovery, type ShardCounts } from './code/erasure-code.js';
export { digestShards, recoverPieces, shardPieces, type ShardSource } from './code/shard-pieces.js';
export { chanceOfLoss, nines, type Odds, spaceFactor } from './durability.js';
export { bytesFetched, shardLayout, type ShardPart } from './layout.js';
export {
  type Candidate,
  type PassedOver,
  planShards,
  type PlanRequest,
  type ShardPlace,
  type ShardPlan,
} from './plan-shards.js';
export { ShardDigest } from './shard-digest.js';
export { type PlacedShard, type Survival, survivalOf, survives, whileAway } from './survives.js';
