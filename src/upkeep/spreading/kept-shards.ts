import type { Spread } from './chunk-spread.store.js';

/**
 * Which shards are the same under both spreads, byte for byte: data shards where there are as many; parity shards too, as
 * far as both have them, but for a single parity, which is a plain XOR where two and more are not. Mirrors are all the same.
 */
export function keptShards(from: Spread, to: Spread): number[] {
  if (from.data !== to.data) return [];
  const alike = from.data === 1 || from.parity === to.parity || (from.parity >= 2 && to.parity >= 2);
  const parity = alike ? Math.min(from.parity, to.parity) : 0;
  return Array.from({ length: from.data + parity }, (_, shard) => shard);
}
