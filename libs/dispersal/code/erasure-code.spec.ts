import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainParity, plainShard } from '../testing/plain-code.js';
import { xxh64 } from '../testing/xxh64.js';
import { ErasureCode } from './erasure-code.js';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

function* subsets(of: number, size: number, from = 0): Generator<number[]> {
  if (size === 0) yield [];
  else
    for (let first = from; first < of; first += 1)
      for (const rest of subsets(of, size - 1, first + 1)) yield [first, ...rest];
}

function randomShards(code: ErasureCode, length: number): Buffer[] {
  const data = numbers(code.data).map(() => randomBytes(length));
  return [...data, ...code.parityOf(data)];
}

describe('the published vectors', () => {
  // Backblaze JavaReedSolomon, src/test/java/com/backblaze/erasure/ReedSolomonTest.java, testOneEncode.
  it('of Backblaze hold', () => {
    const data = [Buffer.of(0, 1), Buffer.of(4, 5), Buffer.of(2, 3), Buffer.of(6, 7), Buffer.of(8, 9)];
    expect(ErasureCode.of({ data: 5, parity: 5 }).parityOf(data)).toEqual([
      Buffer.of(12, 13),
      Buffer.of(10, 11),
      Buffer.of(14, 15),
      Buffer.of(90, 91),
      Buffer.of(94, 95),
    ]);
  });

  // MinIO, cmd/erasure-coding.go, erasureSelfTest: the bytes 0 to 255, cut into k zero-padded shards; XXH64 over each
  // shard's number and bytes. Its single parity (from the same matrix) is another one than ours and left out.
  it.each<[number, number, bigint]>([
    [2, 2, 0x23fb21be2496f5d3n],
    [2, 3, 0xa5cd5600ba0d8e7cn],
    [3, 2, 0xe64927daef76435an],
    [3, 3, 0x672f6f242b227b21n],
    [4, 2, 0x62b9552945504fefn],
    [4, 4, 0x09a07581dcd03da8n],
    [5, 3, 0x7ad9161acbb4c325n],
    [6, 3, 0x39ef92d0a74cc3c0n],
    [7, 8, 0x1867a9f4db315b5cn],
    [8, 4, 0x03ba5e9b41bf07f0n],
    [10, 4, 0x6c1cba8631de994an],
    [13, 2, 0x0cb8460aa4cf6613n],
  ])('of MinIO hold for %i+%i', (data, parity, hash) => {
    const code = ErasureCode.of({ data, parity });
    const length = code.shardLength(256);
    const padded = Buffer.concat([Buffer.from(numbers(256))], data * length);
    const shards = numbers(data).map((shard) => padded.subarray(shard * length, (shard + 1) * length));
    const all = [...shards, ...code.parityOf(shards)];
    expect(xxh64(Buffer.concat(all.map((shard, index) => Buffer.concat([Buffer.of(index), shard]))))).toBe(hash);
  });
});

describe('parity shards', () => {
  const counts = fc.record({ data: fc.integer({ min: 1, max: 16 }), parity: fc.integer({ min: 0, max: 8 }) });

  it('are what the plain code makes, for any numbers and lengths', () => {
    fc.assert(
      fc.property(counts, fc.integer({ min: 0, max: 70 }), ({ data, parity }, length) => {
        const shards = numbers(data).map(() => randomBytes(length));
        expect(ErasureCode.of({ data, parity }).parityOf(shards)).toEqual(plainParity(shards, parity));
      }),
      { numRuns: 200 },
    );
  });

  it.each([16_383, 16_384, 16_385, 40_000])('are so beyond a tile too: %i bytes', (length) => {
    const shards = numbers(3).map(() => randomBytes(length));
    for (const parity of [1, 2]) {
      const found = ErasureCode.of({ data: 3, parity }).parityOf(shards);
      expect(found.every((shard, index) => shard.equals(plainParity(shards, parity)[index]!))).toBe(true);
    }
  });

  it('can be had one by one', () => {
    const code = ErasureCode.of({ data: 4, parity: 3 });
    const shards = randomShards(code, 100);
    for (const wanted of [4, 5, 6]) {
      expect(code.parityOf(shards.slice(0, 4), { wanted: [wanted] })).toEqual([shards[wanted]]);
    }
  });

  it('of one data shard are that shard itself, and cost nothing', () => {
    const only = randomBytes(10);
    for (const mirror of ErasureCode.of({ data: 1, parity: 3 }).parityOf([only])) expect(mirror).toBe(only);
  });

  it('stay what they are when there are more of them, but for a single one', () => {
    const shards = numbers(5).map(() => randomBytes(50));
    const [two, eight] = [2, 8].map((parity) => ErasureCode.of({ data: 5, parity }).parityOf(shards));
    expect(eight!.slice(0, 2)).toEqual(two);
  });

  it('do not touch what they are made of', () => {
    const shards = numbers(4).map(() => randomBytes(50));
    const before = shards.map((shard) => Buffer.from(shard));
    ErasureCode.of({ data: 4, parity: 2 }).parityOf(shards);
    expect(shards).toEqual(before);
  });
});

describe('lost shards', () => {
  const SMALL = numbers(6).flatMap((k) => numbers(5).map((parity) => ({ data: k + 1, parity })));

  it.each(SMALL)('all come back from every subset of $data, with $parity more', ({ data, parity }) => {
    const code = ErasureCode.of({ data, parity });
    const all = randomShards(code, 37);
    for (const present of subsets(code.shards, data)) {
      const wanted = numbers(code.shards).filter((shard) => !present.includes(shard));
      const found = code.recovery(present, wanted).run(present.map((shard) => all[shard]!));
      expect(found).toEqual(wanted.map((shard) => all[shard]));
    }
  });

  it('come back from any subset of the largest codes, in any order', () => {
    const order = (code: ErasureCode) => fc.shuffledSubarray(numbers(code.shards), { minLength: code.shards });
    for (const counts of [
      { data: 16, parity: 8 },
      { data: 10, parity: 4 },
      { data: 16, parity: 1 },
    ]) {
      const code = ErasureCode.of(counts);
      const all = randomShards(code, 20);
      fc.assert(
        fc.property(order(code), (shards) => {
          const [present, wanted] = [shards.slice(0, code.data), shards.slice(code.data)];
          const found = code.recovery(present, wanted).run(present.map((shard) => all[shard]!));
          expect(found).toEqual(wanted.map((shard) => all[shard]));
        }),
      );
    }
  });

  it('come back as the plain code brings them back', () => {
    const code = ErasureCode.of({ data: 4, parity: 3 });
    const all = randomShards(code, 30);
    const known = [1, 4, 5, 6].map((point) => ({ point, values: all[point]! }));
    const found = code.recovery([1, 4, 5, 6], [0, 2]).run(known.map(({ values }) => values));
    expect(found).toEqual([plainShard(known, 0), plainShard(known, 2)]);
  });

  it('need no more than enough others, and take the first ones', () => {
    const code = ErasureCode.of({ data: 2, parity: 2 });
    expect(code.recovery([3, 3, 1, 2], [0]).from).toEqual([3, 1]);
  });
});

describe('what cannot be', () => {
  const code = ErasureCode.of({ data: 3, parity: 2 });

  it.each([
    [0, 1],
    [17, 1],
    [2, 9],
    [2, -1],
    [1.5, 1],
    [NaN, 0],
  ])('%s+%s shards', (data, parity) => {
    expect(() => ErasureCode.of({ data, parity })).toThrow(RangeError);
  });

  it.each<[string, () => unknown]>([
    ['parity of too few data shards', () => code.parityOf([Buffer.alloc(1), Buffer.alloc(1)])],
    ['parity of shards of unequal length', () => code.parityOf([Buffer.alloc(1), Buffer.alloc(1), Buffer.alloc(2)])],
    ['a recovery from too few', () => code.recovery([0, 1], [2])],
    ['a recovery from one shard thrice', () => code.recovery([0, 0, 0], [2])],
    ['a recovery of a shard that there is not', () => code.recovery([0, 1, 2], [5])],
    ['a recovery that is given too little', () => code.recovery([0, 1, 3], [2]).run([Buffer.alloc(1)])],
  ])('%s', (_, attempt) => {
    expect(attempt).toThrow(RangeError);
  });
});
