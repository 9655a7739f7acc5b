import assert from 'node:assert/strict';
import { bodyOf, someBytes } from '../bytes.js';
import { store, absent, interrupted, KiB, MiB } from './checks.js';
import type { ContractCase } from './contract-case.js';

export const aborting: ContractCase[] = [
  {
    name: 'begins nothing for a caller who has gone already',
    async run(provider) {
      const reason = new Error('gone');
      const signal = AbortSignal.abort(reason);
      const name = await provider.nameBlob();
      const calls = [
        () => provider.put(name, bodyOf(someBytes(10)), { signal }),
        () => provider.stat(name, { signal }),
        () => provider.delete(name, { signal }),
        () => provider.list(undefined, { signal }),
        () => provider.writeMarker(someBytes(5, 'never'), { signal }),
        () => provider.readMarker({ signal }),
        async () => {
          for await (const _ of provider.get(name, { offset: 0, length: 1 }, { signal })) assert.fail('bytes came');
        },
      ];
      for (const call of calls) await assert.rejects(call(), (error) => error === reason);
      await absent(provider, name);
    },
  },
  {
    name: 'gives up a put in the middle, and shows nothing of it',
    async run(provider) {
      const reason = new Error('gone');
      const leaving = new AbortController();
      const name = await provider.nameBlob();
      const body = interrupted(someBytes(2 * MiB), async () => leaving.abort(reason));
      await assert.rejects(provider.put(name, body, { signal: leaving.signal }), (error) => error === reason);
      await absent(provider, name);
    },
  },
  {
    name: 'gives up a get in the middle',
    async run(provider) {
      const reason = new Error('gone');
      const leaving = new AbortController();
      const name = await store(provider, someBytes(MiB));
      const options = { signal: leaving.signal, pieceLength: 64 * KiB };
      let given = 0;
      await assert.rejects(
        async () => {
          for await (const piece of provider.get(name, { offset: 0, length: MiB }, options)) {
            given += piece.length;
            leaving.abort(reason);
          }
        },
        (error) => error === reason,
      );
      assert.ok(given < MiB, 'it went on to the end');
    },
  },
];
