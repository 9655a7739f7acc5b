import assert from 'node:assert/strict';
import { BlobMismatch } from '../../errors.js';
import { bodyOf, listAll, readAll, someBytes } from '../bytes.js';
import { store, holds } from './checks.js';
import type { ContractCase } from './contract-case.js';

export const together: ContractCase[] = [
  {
    name: 'takes 32 blobs at once',
    async run(provider) {
      const blobs = Array.from({ length: 32 }, (_, index) => someBytes(20_000 + index * 997, `blob ${index}`));
      const names = await Promise.all(blobs.map((bytes) => store(provider, bytes)));
      await Promise.all(names.map((name, index) => holds(provider, name, blobs[index]!)));
      assert.equal((await listAll(provider)).length, 32);
    },
  },
  {
    name: 'lets eight put the same bytes under one name at once',
    async run(provider) {
      const bytes = someBytes(200_000);
      const name = await provider.nameBlob();
      await Promise.all(Array.from({ length: 8 }, () => provider.put(name, bodyOf(bytes))));
      await holds(provider, name, bytes);
      assert.equal((await listAll(provider)).length, 1);
    },
  },
  {
    name: 'lets only one of eight have a name that each wants for other bytes',
    async run(provider) {
      const blobs = Array.from({ length: 8 }, (_, index) => someBytes(200_000, `rival ${index}`));
      const name = await provider.nameBlob();
      const ends = await Promise.allSettled(blobs.map((bytes) => provider.put(name, bodyOf(bytes))));
      const winners = blobs.filter((_, index) => ends[index]?.status === 'fulfilled');
      for (const end of ends) assert.ok(end.status === 'fulfilled' || end.reason instanceof BlobMismatch);
      assert.ok(winners.length > 0, 'nobody has it');
      const read = await readAll(provider, name, { offset: 0, length: 200_000 });
      assert.ok(
        winners.some((bytes) => bytes.equals(read)),
        'what lies there is nobody’s',
      );
      if (provider.traits.createOnly) assert.equal(winners.length, 1, 'one was overwritten');
    },
  },
  {
    name: 'reads while others write and delete',
    async run(provider) {
      const bytes = someBytes(400_000);
      const name = await store(provider, bytes);
      const busy = Array.from({ length: 8 }, async (_, index) => {
        const passing = await store(provider, someBytes(10_000, `passing ${index}`));
        await provider.delete(passing);
      });
      await Promise.all([...busy, ...Array.from({ length: 8 }, () => holds(provider, name, bytes))]);
    },
  },
];
