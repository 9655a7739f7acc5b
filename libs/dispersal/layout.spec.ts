import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ErasureCode } from './code/erasure-code.js';
import { shardPieces } from './code/shard-pieces.js';
import { bytesFetched, shardLayout } from './layout.js';

const TWO_AND_ONE = { data: 2, parity: 1 };
const FOUR_AND_TWO = { data: 4, parity: 2 };
const range = (offset: number, length: number) => ({ offset, length });
const direct = (at: number, shard: number, offset: number, length: number) => ({
  at,
  shard,
  offset,
  length,
  from: null,
});

describe('a range of a sealed chunk', () => {
  it('is read from the shard that it lies in', () => {
    expect(shardLayout(TWO_AND_ONE, 100, range(10, 20), [0, 1, 2])).toEqual([direct(0, 0, 10, 20)]);
    expect(shardLayout(TWO_AND_ONE, 100, range(60, 20), [0, 1, 2])).toEqual([direct(0, 1, 10, 20)]);
  });

  it('is read from every shard that it touches', () => {
    expect(shardLayout(FOUR_AND_TWO, 100, range(20, 60), [0, 1, 2, 3])).toEqual([
      direct(0, 0, 20, 5),
      direct(5, 1, 0, 25),
      direct(30, 2, 0, 25),
      direct(55, 3, 0, 5),
    ]);
  });

  it('touches no padding', () => {
    expect(shardLayout(FOUR_AND_TWO, 97, range(70, 27), [0, 1, 2, 3])).toEqual([
      direct(0, 2, 20, 5),
      direct(5, 3, 0, 22),
    ]);
  });

  it('is decoded from the same bytes of the preferred others where its shard is missing', () => {
    expect(shardLayout(FOUR_AND_TWO, 100, range(20, 10), [5, 3, 1, 2, 4])).toEqual([
      { at: 0, shard: 0, offset: 20, length: 5, from: [5, 3, 1, 2] },
      direct(5, 1, 0, 5),
    ]);
  });

  it('of a mirror is read from the preferred copy, whichever it is', () => {
    expect(shardLayout({ data: 1, parity: 2 }, 100, range(10, 20), [2, 0])).toEqual([direct(0, 2, 10, 20)]);
  });

  it('of no length needs nothing', () => {
    expect(shardLayout(TWO_AND_ONE, 100, range(100, 0), [0, 1])).toEqual([]);
  });

  it('cannot be had from too few', () => {
    expect(shardLayout(TWO_AND_ONE, 100, range(0, 1), [0, 0])).toBeNull();
  });

  it.each([
    [-1, 5],
    [0, 101],
    [100, 1],
    [5, -1],
  ])('does not reach beyond the chunk: %i, %i', (offset, length) => {
    expect(() => shardLayout(TWO_AND_ONE, 100, range(offset, length), [0, 1])).toThrow(RangeError);
  });

  it('fetches as much as it is long, and times as much where it is decoded', () => {
    expect(bytesFetched(shardLayout(FOUR_AND_TWO, 100, range(0, 100), [0, 1, 2, 3])!)).toBe(100);
    expect(bytesFetched(shardLayout(FOUR_AND_TWO, 100, range(0, 100), [1, 2, 3, 4])!)).toBe(175);
  });

  it('is what lies there, for any chunk, any range and any shards that are left', async () => {
    const cases = fc.record({
      data: fc.integer({ min: 1, max: 5 }),
      parity: fc.integer({ min: 0, max: 3 }),
      length: fc.integer({ min: 1, max: 80 }),
      cut: fc.tuple(fc.nat(), fc.nat()),
      order: fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ length, cut, order, ...counts }) => {
        const chunk = randomBytes(length);
        const code = ErasureCode.of(counts);
        const shards: Buffer[] = [];
        const source = {
          length,
          pieces: (part: { offset: number; length: number }) => [
            chunk.subarray(part.offset, part.offset + part.length),
          ],
        };
        for (let shard = 0; shard < code.shards; shard += 1) {
          let bytes = Buffer.alloc(0);
          for await (const piece of shardPieces(code, source, shard)) bytes = Buffer.concat([bytes, piece]);
          shards.push(bytes);
        }
        const usable = order.filter((shard) => shard < code.shards).slice(0, counts.data);
        const offset = cut[0] % length;
        const asked = range(offset, cut[1] % (length - offset + 1));
        const parts = shardLayout(counts, length, asked, usable)!.map(({ shard, from, ...part }) => {
          const bytesOf = (index: number) => shards[index]!.subarray(part.offset, part.offset + part.length);
          const bytes = from === null ? bytesOf(shard) : code.recovery(from, [shard]).run(from.map(bytesOf))[0]!;
          expect([usable.includes(shard) || from !== null, bytes.length]).toEqual([true, part.length]);
          return bytes;
        });
        expect(Buffer.concat(parts)).toEqual(chunk.subarray(asked.offset, asked.offset + asked.length));
      }),
    );
  });
});
