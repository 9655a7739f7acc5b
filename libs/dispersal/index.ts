export { type Candidate, chooseConnections } from './choose.js';
export { ErasureCode, Recovery, type ShardCounts } from './code/erasure-code.js';
export { digestShards, recoverPieces, shardPieces, type ShardSource } from './code/shard-pieces.js';
export { ShardDigest } from './shard-digest.js';
