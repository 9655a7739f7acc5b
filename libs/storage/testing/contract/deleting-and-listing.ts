import assert from 'node:assert/strict';
import { BlobMissing } from '../../errors.js';
import { bodyOf, listAll, readAll, someBytes } from '../bytes.js';
import { store, holds } from './checks.js';
import type { ContractCase } from './contract-case.js';

export const deletingAndListing: ContractCase[] = [
  {
    name: 'deletes a blob, and an absent one too',
    async run(provider) {
      const kept = someBytes(20);
      const keptName = await store(provider, kept);
      const name = await store(provider, someBytes(1000));
      await provider.delete(name);
      await provider.delete(name);
      await provider.delete(await provider.nameBlob());
      assert.equal(await provider.stat(name), null);
      await assert.rejects(readAll(provider, name, { offset: 0, length: 1 }), BlobMissing);
      assert.deepEqual(
        (await listAll(provider)).map((entry) => entry.name),
        [keptName],
      );
      await holds(provider, keptName, kept);
    },
  },
  {
    name: 'takes a name again after its blob was deleted',
    async run(provider) {
      const name = await store(provider, someBytes(1000));
      await provider.delete(name);
      const other = someBytes(2000, 'other');
      await provider.put(name, bodyOf(other));
      await holds(provider, name, other);
    },
  },
  {
    name: 'lists nothing where nothing is, and never the marker',
    async run(provider) {
      assert.deepEqual(await listAll(provider), []);
    },
  },
  {
    name: 'lists each of many blobs once, with its length',
    async run(provider, { listed }) {
      const lengths = new Map<string, number>();
      const stored = await Promise.all(
        Array.from({ length: listed }, async (_, index) => ({
          name: await provider.nameBlob(),
          bytes: someBytes(index % 50),
        })),
      );
      for (let at = 0; at < stored.length; at += 25) {
        await Promise.all(
          stored.slice(at, at + 25).map(async ({ name, bytes }) => {
            await provider.put(name, bodyOf(bytes));
            lengths.set(name, bytes.length);
          }),
        );
      }
      const entries = await listAll(provider);
      assert.equal(entries.length, stored.length, 'some are missing, or twice there');
      for (const { name, length, foreign } of entries) {
        assert.equal(foreign, false);
        assert.equal(length, lengths.get(name), 'another length');
        lengths.delete(name);
      }
      assert.equal(lengths.size, 0, 'some were not listed');
    },
  },
];
