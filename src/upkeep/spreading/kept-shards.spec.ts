import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ErasureCode } from '#dispersal';
import type { Spread } from './chunk-spread.store.js';
import { keptShards } from './kept-shards.js';

const spreads: Spread[] = [1, 2, 3, 4].flatMap((data) => [0, 1, 2, 3, 4].map((parity) => ({ data, parity })));

function shardsOf(spread: Spread, data: readonly Buffer[]): Buffer[] {
  return [...data, ...ErasureCode.of(spread).parityOf(data)];
}

describe('the shards that stay when a chunk is spread anew', () => {
  it.each(spreads)('from $data+$parity are the same under the other spread, byte for byte', (from) => {
    const data = Array.from({ length: from.data }, () => randomBytes(64));
    const before = shardsOf(from, data);
    for (const to of spreads) {
      const after = to.data === from.data ? shardsOf(to, data) : [];
      const alike = before.flatMap((shard, nth) => (after[nth]?.equals(shard) ? [nth] : []));
      expect([to, keptShards(from, to).filter((shard) => !alike.includes(shard))]).toEqual([to, []]);
    }
  });

  it.each([
    [{ data: 2, parity: 2 }, { data: 2, parity: 3 }, 4],
    [{ data: 2, parity: 1 }, { data: 2, parity: 2 }, 2],
    [{ data: 4, parity: 3 }, { data: 4, parity: 2 }, 6],
    [{ data: 1, parity: 1 }, { data: 1, parity: 3 }, 2],
    [{ data: 2, parity: 1 }, { data: 3, parity: 1 }, 0],
  ])('from %j to %j are %i', (from, to, count) => {
    expect(keptShards(from, to).length).toBe(count);
  });
});
