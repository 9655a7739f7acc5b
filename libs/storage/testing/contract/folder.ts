import assert from 'node:assert/strict';
import { ConnectionAway, FolderInUse } from '../../errors.js';
import { bodyOf, listAll, readAll, someBytes } from '../bytes.js';
import { store, holds } from './checks.js';
import type { ContractCase } from './contract-case.js';

export const folder: ContractCase[] = [
  {
    name: 'keeps one marker, and replaces it whole',
    async run(provider) {
      for (const marker of [someBytes(400, 'a'), someBytes(900, 'b'), someBytes(1, 'c')]) {
        await provider.writeMarker(marker);
        assert.ok((await provider.readMarker())?.equals(marker), 'another marker came back');
      }
      assert.deepEqual(await listAll(provider), []);
    },
  },
  {
    name: 'keeps blobs when the marker is replaced',
    async run(provider) {
      const bytes = someBytes(1000);
      const name = await store(provider, bytes);
      await provider.writeMarker(someBytes(100));
      await holds(provider, name, bytes);
    },
  },
  {
    name: 'does not take away a folder with a blob in it',
    async run(provider) {
      const marker = someBytes(100);
      await provider.writeMarker(marker);
      const bytes = someBytes(1000);
      const name = await store(provider, bytes);
      await assert.rejects(provider.removeFolder(), FolderInUse);
      await holds(provider, name, bytes);
      assert.ok((await provider.readMarker())?.equals(marker), 'the marker is gone');
    },
  },
  {
    name: 'takes the empty folder away, is away without it, and makes it anew',
    async run(provider) {
      const bytes = someBytes(10);
      const name = await store(provider, bytes);
      await provider.delete(name);
      await provider.removeFolder();
      await provider.removeFolder();
      assert.equal(await provider.readMarker(), null);
      await assert.rejects(provider.put(name, bodyOf(bytes)), ConnectionAway);
      await assert.rejects(readAll(provider, name, { offset: 0, length: 1 }), ConnectionAway);
      await assert.rejects(provider.stat(name), ConnectionAway);
      await assert.rejects(provider.delete(name), ConnectionAway);
      await assert.rejects(provider.list(), ConnectionAway);
      await provider.writeMarker(someBytes(10));
      await provider.put(name, bodyOf(bytes));
      await holds(provider, name, bytes);
    },
  },
  {
    name: 'tells the room it has, as its traits say',
    async run(provider) {
      const space = await provider.space();
      if (!provider.traits.spaceKnown) return;
      assert.ok(space && space.free !== null && space.free > 0, 'free space is not told');
      for (const figure of [space.total, space.used]) assert.ok(figure === null || figure >= 0);
    },
  },
];
