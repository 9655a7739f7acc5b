export { type Candidate, chooseConnections } from './choose.js';
export { ShardDigest } from './shard-digest.js';
