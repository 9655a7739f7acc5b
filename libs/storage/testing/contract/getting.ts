import assert from 'node:assert/strict';
import { BlobMissing, BlobNameRefused, BlobTruncated } from '../../errors.js';
import type { BlobName, StorageProvider } from '../../provider.js';
import { bodyOf, readAll, someBytes } from '../bytes.js';
import { store, absent, MiB } from './checks.js';
import type { ContractCase } from './contract-case.js';

const ranges: readonly (readonly [offset: number, length: number])[] = [
  [0, 1],
  [0, 300_000],
  [1, 1],
  [299_999, 1],
  [65_535, 2],
  [65_536, 65_536],
  [65_537, 131_071],
  [150_000, 150_000],
  [262_143, 2],
  [3, 262_144],
];

export const getting: ContractCase[] = [
  {
    name: 'gives exactly the range that was asked for',
    async run(provider) {
      const bytes = someBytes(300_000);
      const name = await store(provider, bytes);
      for (const [offset, length] of ranges) {
        const read = await readAll(provider, name, { offset, length });
        assert.ok(read.equals(bytes.subarray(offset, offset + length)), `wrong bytes at ${offset}+${length}`);
      }
    },
  },
  {
    name: 'gives nothing for an empty range, wherever it lies',
    async run(provider) {
      const name = await store(provider, someBytes(1000));
      for (const offset of [0, 500, 1000]) {
        assert.equal((await readAll(provider, name, { offset, length: 0 })).length, 0);
      }
    },
  },
  {
    name: 'keeps pieces to the length that the reader wants, and never reuses one',
    async run(provider) {
      const bytes = someBytes(100_000);
      const name = await store(provider, bytes);
      for (const pieceLength of [1000, 4096, 99_999, 100_000, MiB]) {
        const pieces: Buffer[] = [];
        for await (const piece of provider.get(name, { offset: 0, length: 100_000 }, { pieceLength })) {
          assert.ok(piece.length > 0 && piece.length <= pieceLength, `a piece of ${piece.length} for ${pieceLength}`);
          pieces.push(piece);
        }
        assert.ok(Buffer.concat(pieces).equals(bytes), 'other bytes came back');
      }
    },
  },
  ...[
    [0, 1001],
    [999, 2],
    [1000, 1],
    [5000, 1],
  ].map(([offset = 0, length = 0]) => ({
    name: `says that a blob of 1,000 bytes is too short for ${offset}+${length}`,
    async run(provider: StorageProvider) {
      const name = await store(provider, someBytes(1000));
      let given = 0;
      await assert.rejects(async () => {
        for await (const piece of provider.get(name, { offset, length })) given += piece.length;
      }, BlobTruncated);
      assert.ok(given <= 1000 - Math.min(offset, 1000), 'bytes that are not there came back');
    },
  })),
  {
    name: 'says that a blob is missing',
    async run(provider) {
      await store(provider, someBytes(10));
      await assert.rejects(readAll(provider, await provider.nameBlob(), { offset: 0, length: 1 }), BlobMissing);
      assert.equal(await provider.stat(await provider.nameBlob()), null);
    },
  },
  {
    name: 'lets a reader stop early',
    async run(provider) {
      const bytes = someBytes(500_000);
      const name = await store(provider, bytes);
      for await (const piece of provider.get(name, { offset: 0, length: 500_000 }, { pieceLength: 1000 })) {
        assert.ok(piece.equals(bytes.subarray(0, piece.length)));
        break;
      }
      await provider.delete(name);
      await absent(provider, name);
    },
  },
  {
    name: 'refuses what is not a blob name',
    async run(provider) {
      const valid = await provider.nameBlob();
      const odd = [
        '',
        'marker',
        '..',
        '../../etc/passwd',
        `${valid}a`,
        valid.slice(1),
        valid.toUpperCase(),
        `${valid.slice(2)}/.`,
      ];
      for (const name of odd as BlobName[]) {
        await assert.rejects(provider.put(name, bodyOf(someBytes(1))), BlobNameRefused);
        await assert.rejects(readAll(provider, name, { offset: 0, length: 1 }), BlobNameRefused);
        await assert.rejects(provider.stat(name), BlobNameRefused);
        await assert.rejects(provider.delete(name), BlobNameRefused);
      }
    },
  },
];
