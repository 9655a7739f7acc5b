import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ByteBudget } from '#chunks';
import { ErasureCode } from '#dispersal';
import { ConnectionAway } from '#storage';
import { VirtualClock } from '#storage/testing';
import type { ConnectionPool, Place, PlaceRequest, PlaceShards } from '../connections/index.js';
import type { Draft } from '../contents/index.js';
import type { ByteBudgets } from './byte-budgets.js';
import type { SealedChunk } from './seal-chunks.js';
import { type Sending, SendChunk } from './send-chunk.js';
import { ShardPace } from './shard-pace.js';

/** How long a connection takes for a shard, in milliseconds. */
type Slow = Readonly<Record<string, number>>;

/** A chunk under 2+1 whose shards are on their way to `a`, `b` and `c`; `d` and `e` stand by. */
function sendingTo(dead: readonly string[], standby: readonly string[], slow: Slow = {}, parity = 1) {
  const clock = new VirtualClock();
  const given: string[] = [];
  const live: string[] = [];
  const done: string[] = [];
  const placeOn = (shard: number, connection: string): Place => {
    const space = { done: (stored: boolean) => void (stored && done.push(connection)) };
    const name = connection as Place['name'];
    return { shard, connection, domain: connection, blob: connection, name, space, replaceable: true, home: null };
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
    async put(_: unknown, __: unknown, { signal }: { signal: AbortSignal }) {
      if (dead.includes(connection)) throw new ConnectionAway();
      const ms = slow[connection];
      if (ms !== undefined) await clock.sleep(ms, signal);
      return { kind: 'fsync', checksum: null };
    },
  });
  const pool = { provider: async (connection: string) => provider(connection) } as unknown as ConnectionPool;
  const uploads = { budget: new ByteBudget(1_000_000) };
  const budgets = { uploads, readBack: new ByteBudget(1_000_000) } as unknown as ByteBudgets;
  const spread = { data: 2, parity };
  const noteLive = ({ id }: { id: string }): void => void live.push(id);
  const draft = { spread, replan: () => turn(), noteLive } as unknown as Draft;
  const bytes = Buffer.alloc(100);
  const stage = { length: bytes.length, onDisk: false, pieces: () => [bytes] };
  const sending: Sending = {
    draft,
    chunk: { stage, entry: { index: 0 } } as unknown as SealedChunk,
    code: ErasureCode.of({ data: 2, parity: 1 }),
    places: ['a', 'b', 'c'].map((connection, shard) => placeOn(shard, connection)),
    failed: new Map(),
    planning: Promise.resolve(),
    pace: new ShardPace({ shards: 3, parity }, clock),
    overtaken: false,
  };
  const sender = new SendChunk(place, pool, budgets);
  sender.clock = clock;
  return {
    send: () => sender.send(sending, new AbortController().signal),
    clock,
    given,
    live,
    done,
    uploads,
  };
}

describe('the shards of a chunk on their way', () => {
  it('are all live when it is sent', async () => {
    const { send, live, done, uploads, clock } = sendingTo([], []);
    await Promise.all([send(), clock.pass(0)]);
    expect([live.sort(), done.sort(), uploads.budget.used]).toEqual([['a', 'b', 'c'], ['a', 'b', 'c'], 0]);
  });

  it('go to different places when several are lost at one time', async () => {
    const { send, given, live, done, clock } = sendingTo(['a', 'c'], ['d', 'e']);
    await Promise.all([send(), clock.pass(0)]);
    expect([given.sort(), live.sort(), done.sort()]).toEqual([
      ['d', 'e'],
      ['b', 'd', 'e'],
      ['b', 'd', 'e'],
    ]);
  });

  it('are given up, with what they held, when one of them finds no place', async () => {
    const { send, live, uploads, clock } = sendingTo(['a', 'c'], ['d']);
    await Promise.all([expect(send()).rejects.toThrow('no place is left'), clock.pass(0)]);
    expect([live.includes('b'), uploads.budget.used]).toEqual([true, 0]);
  });
});

describe('the last shard of a chunk', () => {
  it.each([
    ['10 seconds where the others were quick', {}, 10_000],
    ['three times what the slowest of the others took', { a: 6_000 }, 18_000],
  ])('goes to another place after %s, and nothing is left set aside', async (_, others, after) => {
    const { send, clock, given, live, done, uploads } = sendingTo([], ['d'], { ...others, b: 60_000 });
    const sent = send();
    await clock.pass(after - 1);
    expect(given).toEqual([]);
    await clock.pass(1);
    await sent;
    expect([given, live.sort(), done.sort()]).toEqual([['d'], ['a', 'c', 'd'], ['a', 'c', 'd']]);
    expect(uploads.budget.used).toBe(0);
  });

  it('is waited for where no other place is left', async () => {
    const { send, clock, live } = sendingTo([], [], { b: 60_000 });
    const sent = send();
    await clock.pass(60_000);
    await sent;
    expect(live.sort()).toEqual(['a', 'b', 'c']);
  });

  it('is given up once only, however slow the next place is', async () => {
    const { send, clock, given, live } = sendingTo([], ['d', 'e'], { b: 60_000, d: 60_000 });
    const sent = send();
    await clock.pass(70_000);
    await sent;
    expect([given, live.sort()]).toEqual([['d'], ['a', 'c', 'd']]);
  });

  it('is waited for where there is no parity to spare', async () => {
    const { send, clock, given } = sendingTo([], ['d'], { b: 60_000 }, 0);
    const sent = send();
    await clock.pass(60_000);
    await sent;
    expect(given).toEqual([]);
  });
});
