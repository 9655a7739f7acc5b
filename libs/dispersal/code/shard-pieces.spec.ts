import { randomBytes } from 'node:crypto';
import { blake3 } from '@napi-rs/blake-hash';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainParity } from '../testing/plain-code.js';
import { ErasureCode } from './erasure-code.js';
import { digestShards, recoverPieces, shardPieces, type ShardSource } from './shard-pieces.js';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const anyCounts = fc.record({ data: fc.integer({ min: 1, max: 6 }), parity: fc.integer({ min: 0, max: 3 }) });

function sourceOf(bytes: Buffer): ShardSource {
  return { length: bytes.length, pieces: ({ offset, length }) => [bytes.subarray(offset, offset + length)] };
}

/** The shards as the plain code makes them. */
function plainShards(bytes: Buffer, { data, parity }: { data: number; parity: number }): Buffer[] {
  const length = Math.ceil(bytes.length / data);
  const padded = Buffer.concat([bytes], data * length);
  const shards = numbers(data).map((shard) => padded.subarray(shard * length, (shard + 1) * length));
  return [...shards, ...plainParity(shards, parity)];
}

async function each<T>(steps: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const step of steps) found.push(step);
  return found;
}

async function all(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await each(pieces));
}

/** A stream that says whether it was begun and closed. */
function watched(bytes: Buffer, pieceLength: number) {
  const seen: string[] = [];
  async function* pieces(): AsyncGenerator<Buffer> {
    seen.push('begun');
    try {
      for (let at = 0; at < bytes.length; at += pieceLength) yield bytes.subarray(at, at + pieceLength);
    } finally {
      seen.push('closed');
    }
  }
  return { seen, pieces: pieces() };
}

describe('the shards of a source', () => {
  it('are contiguous parts, padded with zeros, and the parity of these', async () => {
    await fc.assert(
      fc.asyncProperty(anyCounts, fc.integer({ min: 1, max: 60 }), async (counts, length) => {
        const bytes = randomBytes(length);
        const code = ErasureCode.of(counts);
        const expected = plainShards(bytes, counts);
        const found = await Promise.all(
          numbers(code.shards).map((shard) => all(shardPieces(code, sourceOf(bytes), shard))),
        );
        expect(found).toEqual(expected);
        expect(await digestShards(code, sourceOf(bytes))).toEqual(expected.map((shard) => blake3(shard)));
      }),
    );
  });

  it('are the same when they do not fit into one slice, read from wherever they lie', async () => {
    const bytes = randomBytes(1_200_001);
    const code = ErasureCode.of({ data: 2, parity: 2 });
    const length = code.shardLength(bytes.length);
    const padded = Buffer.concat([bytes], 2 * length);
    const data = [padded.subarray(0, length), padded.subarray(length)];
    const expected = [...data, ...code.parityOf(data)];
    const slow: ShardSource = {
      length: bytes.length,
      async *pieces({ offset, length: wanted }) {
        for (let at = offset; at < offset + wanted; at += 1000) {
          yield Buffer.from(bytes.subarray(at, Math.min(at + 1000, offset + wanted)));
        }
      },
    };
    for (const shard of numbers(4)) {
      expect((await all(shardPieces(code, slow, shard))).equals(expected[shard]!)).toBe(true);
    }
    expect(await digestShards(code, slow)).toEqual(expected.map((shard) => blake3(shard)));
  });

  it('let others have their turn while they are digested', async () => {
    let turns = 0;
    const turn = (): void => void ((turns += 1), (next = setImmediate(turn)));
    let next = setImmediate(turn);
    await digestShards(ErasureCode.of({ data: 4, parity: 2 }), sourceOf(Buffer.alloc(8 * 2 ** 20)));
    clearImmediate(next);
    expect(turns).toBeGreaterThanOrEqual(15);
  });

  it('are read a slice at a time where they are made, never whole', async () => {
    const bytes = Buffer.alloc(4 * 2 ** 20);
    const asked: number[] = [];
    const source: ShardSource = {
      length: bytes.length,
      pieces: ({ offset, length }) => (asked.push(length), [bytes.subarray(offset, offset + length)]),
    };
    await all(shardPieces(ErasureCode.of({ data: 2, parity: 1 }), source, 2));
    expect(new Set(asked)).toEqual(new Set([256 * 1024]));
  });

  it('are not made of a source that ends early', async () => {
    const source: ShardSource = { length: 10, pieces: () => [Buffer.alloc(1)] };
    await expect(digestShards(ErasureCode.of({ data: 2, parity: 1 }), source)).rejects.toThrow(RangeError);
  });
});

describe('shards that come back from streams', () => {
  it('are what was lost, however the streams are cut', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 9, maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(
        anyCounts,
        fc.integer({ min: 1, max: 200 }),
        cuts,
        fc.nat(),
        async (counts, length, pieces, start) => {
          const code = ErasureCode.of(counts);
          const shards = plainShards(randomBytes(length), counts);
          const order = numbers(code.shards).map((shard) => (shard + start) % code.shards);
          const present = order.slice(0, code.data);
          const wanted = order.slice(code.data);
          const streams = new Map(present.map((shard) => [shard, watched(shards[shard]!, pieces[shard]!).pieces]));
          const found = await each(recoverPieces(code, streams, wanted));
          expect(wanted.map((_, nth) => Buffer.concat(found.map((step) => step[nth]!)))).toEqual(
            wanted.map((shard) => shards[shard]),
          );
        },
      ),
    );
  });

  it('take whole shards that lie in memory as well', async () => {
    const code = ErasureCode.of({ data: 2, parity: 1 });
    const shards = plainShards(randomBytes(1000), code);
    const whole = new Map([1, 2].map((shard) => [shard, [shards[shard]!]]));
    expect(await each(recoverPieces(code, whole, [0]))).toEqual([[shards[0]]]);
  });

  it('begin no stream too many, and close those they began when their reader stops', async () => {
    const code = ErasureCode.of({ data: 2, parity: 2 });
    const shards = plainShards(randomBytes(1000), code);
    const streams = [0, 1, 2].map((shard) => watched(shards[shard]!, 10));
    for await (const _ of recoverPieces(code, new Map(streams.map(({ pieces }, shard) => [shard, pieces])), [3])) break;
    expect(streams.map(({ seen }) => seen)).toEqual([['begun', 'closed'], ['begun', 'closed'], []]);
  });

  it('fail with what a stream failed with, the others closed', async () => {
    const code = ErasureCode.of({ data: 2, parity: 1 });
    const why = new Error('cut off');
    const good = watched(Buffer.alloc(100), 10);
    const bad = (async function* () {
      yield Buffer.alloc(10);
      throw why;
    })();
    const streams = new Map([
      [0, good.pieces],
      [2, bad],
    ]);
    await expect(each(recoverPieces(code, streams, [1]))).rejects.toBe(why);
    expect(good.seen).toEqual(['begun', 'closed']);
  });

  it('fail when a stream ends before the others', async () => {
    const code = ErasureCode.of({ data: 2, parity: 1 });
    const streams = new Map([
      [0, [Buffer.alloc(10)]],
      [2, [Buffer.alloc(9)]],
    ]);
    await expect(each(recoverPieces(code, streams, [1]))).rejects.toThrow(RangeError);
  });
});
