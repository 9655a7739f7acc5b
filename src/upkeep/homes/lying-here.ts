import type { ShardId } from '../moving/index.js';

/** A shard, and the blob in which it was found. */
export interface LyingHere extends ShardId {
  readonly blob: string;
  readonly name: string;
}

/** One of them that is to move, and where to, if only one place will do. */
export interface WantsAway extends LyingHere {
  readonly to?: string;
  readonly avoid?: ReadonlySet<string>;
}
