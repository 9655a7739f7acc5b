import type { ChunkRow } from '../contents/index.js';

export interface ConnectionManners {
  /** It failed lately: it most likely fails again, and soon. */
  readonly shunned: (connection: string) => boolean;
  /** It let somebody wait: it most likely does so again. */
  readonly isLate: (connection: string) => boolean;
  /** Until its first byte usually comes; 0 where nothing is known. */
  readonly medianMs: (connection: string) => number;
}

/** Below this nobody is slow. */
const SLOW_MS = 200;
/** Decoding costs other connections more bytes, and us the work: it has to be worth it. */
const MUCH_SLOWER = 4;

/**
 * The shards to read from, the preferred ones first. Those of connections that failed or were late only where others do not
 * suffice, and those that were found faulty last of all: such a finding may be wrong, or over. Of several that serve as
 * well the quicker ones, in doublings, so that equals share; at equal times data shards, which are read without decoding.
 * A data shard is left out where decoding it from others is much quicker.
 */
export function inOrder(
  rows: readonly Pick<ChunkRow, 'shard' | 'fault' | 'connection'>[],
  needed: number,
  { shunned, isLate, medianMs }: ConnectionManners,
): number[] {
  const manners = (connection: string): number => (isLate(connection) ? 2 : shunned(connection) ? 1 : 0);
  const ranks = rows.map((row) => (row.fault === null ? 0 : 3) + manners(row.connection));
  const usable: { shard: number; rank: number; ms: number }[] = [];
  for (let rank = 0; rank <= 5 && usable.length < needed; rank += 1) {
    rows.forEach(({ shard, connection }, nth) => {
      if (ranks[nth] === rank) usable.push({ shard, rank, ms: medianMs(connection) });
    });
  }
  const quickest = usable.map(({ ms }) => ms).sort((a, b) => a - b);
  const steady = usable.every(({ rank }) => rank === 0);
  const tolerable = steady ? Math.max(SLOW_MS, MUCH_SLOWER * (quickest[needed - 1] ?? Infinity)) : Infinity;
  return usable
    .filter(({ ms }) => ms <= tolerable)
    .sort((a, b) => a.rank - b.rank || doublings(a.ms) - doublings(b.ms) || a.shard - b.shard)
    .map(({ shard }) => shard);
}

/** Doublings of 50 ms, as placement counts: smaller differences are chance. */
function doublings(ms: number): number {
  return Math.max(0, Math.floor(Math.log2(ms / 50)));
}
