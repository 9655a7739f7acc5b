import assert from 'node:assert/strict';
import { BlobMismatch, BodyLengthWrong } from '../../errors.js';
import type { BlobBody, StorageProvider } from '../../provider.js';
import { bodyOf, listAll, someBytes } from '../bytes.js';
import { store, holds, absentOrWhole, absent, interrupted, KiB, MiB } from './checks.js';
import type { ContractCase } from './contract-case.js';

const sizes = [0, 1, 4095, 4096, 64 * KiB - 1, 64 * KiB, 64 * KiB + 1, MiB + 1, 8 * MiB + 17];

export const putting: ContractCase[] = [
  ...sizes.map((size) => ({
    name: `gives back ${size} bytes as they were put`,
    async run(provider: StorageProvider) {
      const bytes = someBytes(size);
      await holds(provider, await store(provider, bytes), bytes);
    },
  })),
  {
    name: 'proves every put, and confirms the same checksum later',
    async run(provider) {
      const name = await provider.nameBlob();
      const proof = await provider.put(name, bodyOf(someBytes(5000)));
      assert.ok(['fsync', 'checksum', 'looked'].includes(proof.kind));
      if (proof.kind === 'checksum') assert.ok(proof.checksum, 'a checksum is the proof, and there is none');
      if (proof.checksum !== null) {
        assert.ok(proof.checksum.startsWith(`${provider.traits.checksum}:`), 'not the checksum that traits name');
        const stat = await provider.stat(name);
        assert.ok(stat?.checksum === null || stat?.checksum === proof.checksum, 'stat confirms another checksum');
      }
    },
  },
  {
    name: 'takes bodies of one piece, of thousands, of empty ones between, and of asynchronous ones',
    async run(provider) {
      const bytes = someBytes(9000);
      const bodies: BlobBody['pieces'][] = [
        () => [bytes],
        () => bodyOf(bytes, 3).pieces(),
        () => [Buffer.alloc(0), bytes.subarray(0, 1), Buffer.alloc(0), bytes.subarray(1), Buffer.alloc(0)],
        async function* () {
          for (const piece of bodyOf(bytes, 1000).pieces()) yield piece;
        },
      ];
      for (const pieces of bodies) {
        const name = await provider.nameBlob();
        await provider.put(name, { length: bytes.length, pieces });
        await holds(provider, name, bytes);
      }
    },
  },
  {
    name: 'takes a put again with the same bytes',
    async run(provider) {
      const bytes = someBytes(100_000);
      const name = await store(provider, bytes);
      await provider.put(name, bodyOf(bytes, 7000));
      await holds(provider, name, bytes);
      assert.equal((await listAll(provider)).length, 1);
    },
  },
  ...[
    { what: 'one bit', spoil: (bytes: Buffer) => void (bytes[50_000]! ^= 1), length: 100_000 },
    { what: 'a shorter body', spoil: () => undefined, length: 99_999 },
    { what: 'a longer body', spoil: () => undefined, length: 100_001 },
    { what: 'an empty body', spoil: () => undefined, length: 0 },
  ].map(({ what, spoil, length }) => ({
    name: `refuses to overwrite a blob with another that differs by ${what}`,
    async run(provider: StorageProvider) {
      const bytes = someBytes(100_000);
      const name = await store(provider, bytes);
      const other = someBytes(length);
      spoil(other);
      await assert.rejects(provider.put(name, bodyOf(other)), BlobMismatch);
      await holds(provider, name, bytes);
    },
  })),
  ...[
    { what: 'fewer', length: 5001 },
    { what: 'more', length: 4999 },
  ].map(({ what, length }) => ({
    name: `refuses a body of ${what} bytes than announced, and shows nothing of it`,
    async run(provider: StorageProvider) {
      const name = await provider.nameBlob();
      const body = { length, pieces: () => bodyOf(someBytes(5000)).pieces() };
      await assert.rejects(provider.put(name, body), BodyLengthWrong);
      await absent(provider, name);
    },
  })),
  {
    name: 'shows nothing of a blob before it is whole, neither under its name nor in the listing',
    async run(provider) {
      const bytes = someBytes(3 * MiB);
      const name = await provider.nameBlob();
      let looked = 0;
      const look = async (): Promise<void> => {
        looked += 1;
        await absentOrWhole(provider, name, bytes);
      };
      await provider.put(name, interrupted(bytes, look));
      assert.ok(looked > 0);
      await holds(provider, name, bytes);
    },
  },
  {
    name: 'shows nothing of a body that breaks in the middle, and takes the whole one afterwards',
    async run(provider) {
      const bytes = someBytes(MiB);
      const name = await provider.nameBlob();
      const broken = new Error('the sender is gone');
      await assert.rejects(
        provider.put(
          name,
          interrupted(bytes, () => Promise.reject(broken)),
        ),
        (error) => error === broken,
      );
      await absent(provider, name);
      await provider.put(name, bodyOf(bytes));
      await holds(provider, name, bytes);
    },
  },
];
