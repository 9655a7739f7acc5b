import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ByteBudget } from '#chunks';
import { ErasureCode } from '#dispersal';
import { ConnectionAway } from '#storage';
import type { ConnectionPool, Place, PlaceRequest, PlaceShards } from '../connections/index.js';
import type { Draft } from '../contents/index.js';
import type { ByteBudgets } from './byte-budgets.js';
import type { SealedChunk } from './seal-chunks.js';
import { type Sending, SendChunk } from './send-chunk.js';

/** A chunk under 2+1 whose shards are on their way to `a`, `b` and `c`; `d` and `e` stand by. */
function sendingTo(dead: readonly string[], standby: readonly string[]) {
  const given: string[] = [];
  const live: string[] = [];
  const done: string[] = [];
  const placeOn = (shard: number, connection: string): Place => {
    const space = { done: (stored: boolean) => void (stored && done.push(connection)) };
    const name = connection as Place['name'];
    return { shard, connection, domain: connection, blob: connection, name, space, replaceable: true };
  };
  const place = {
    // As slow as a plan that has to ask: whoever plans beside it would see the same.
    async run({ shards, taken }: PlaceRequest) {
      const free = standby.find((one) => !taken.has(one));
      await turn();
      if (free === undefined) throw new Error('no place is left');
      given.push(free);
      return [placeOn(shards[0]!, free)];
    },
    note: () => {},
  } as unknown as PlaceShards;
  const provider = (connection: string) => ({
    async put() {
      if (dead.includes(connection)) throw new ConnectionAway();
      return { kind: 'fsync', checksum: null };
    },
  });
  const pool = { provider: async (connection: string) => provider(connection) } as unknown as ConnectionPool;
  const uploads = { budget: new ByteBudget(1_000_000) };
  const budgets = { uploads, readBack: new ByteBudget(1_000_000) } as unknown as ByteBudgets;
  const draft = { replan: () => turn(), noteLive: ({ id }: { id: string }) => void live.push(id) } as unknown as Draft;
  const bytes = Buffer.alloc(100);
  const stage = { length: bytes.length, onDisk: false, pieces: () => [bytes] };
  const sending: Sending = {
    draft,
    chunk: { stage, entry: { index: 0 } } as unknown as SealedChunk,
    code: ErasureCode.of({ data: 2, parity: 1 }),
    places: ['a', 'b', 'c'].map((connection, shard) => placeOn(shard, connection)),
    failed: new Map(),
    planning: Promise.resolve(),
  };
  return {
    send: () => new SendChunk(place, pool, budgets).send(sending, new AbortController().signal),
    given,
    live,
    done,
    uploads,
  };
}

describe('the shards of a chunk on their way', () => {
  it('are all live when it is sent', async () => {
    const { send, live, done, uploads } = sendingTo([], []);
    await send();
    expect([live.sort(), done.sort(), uploads.budget.used]).toEqual([['a', 'b', 'c'], ['a', 'b', 'c'], 0]);
  });

  it('go to different places when several are lost at one time', async () => {
    const { send, given, live, done } = sendingTo(['a', 'c'], ['d', 'e']);
    await send();
    expect([given.sort(), live.sort(), done.sort()]).toEqual([
      ['d', 'e'],
      ['b', 'd', 'e'],
      ['b', 'd', 'e'],
    ]);
  });

  it('are given up, with what they held, when one of them finds no place', async () => {
    const { send, live, uploads } = sendingTo(['a', 'c'], ['d']);
    await expect(send()).rejects.toThrow('no place is left');
    expect([live.includes('b'), uploads.budget.used]).toEqual([true, 0]);
  });
});
