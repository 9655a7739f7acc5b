import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { LocalTurnstile, systemClock, type TurnAsk } from '#storage';
import { startDatabase, type TestDatabase } from '../../test/support/database.js';
import { startRedis, type TestRedis } from '../../test/support/redis.js';
import { connectRedis } from './connect-redis.js';
import { type Ephemeral, EphemeralAway, type Lock } from './ephemeral.js';
import { nextFencingToken, PostgresEphemeral } from './ephemeral.store.js';
import { RedisEphemeral } from './redis-ephemeral.js';

const LONG = 60_000;
const SHORT = 40;

let postgres: TestDatabase;
let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  [postgres, server] = await Promise.all([startDatabase(), startRedis()]);
  redis = await connectRedis(server.url);
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
  await postgres?.stop();
});

const sides: [string, () => Ephemeral][] = [
  ['Postgres', () => new PostgresEphemeral(postgres.database)],
  ['Redis', () => new RedisEphemeral(redis, () => nextFencingToken(postgres.database))],
];

describe.each(sides)('short-lived state in %s', (_name, make) => {
  let state: Ephemeral;
  beforeAll(() => {
    state = make();
  });

  const values = [
    ['text', 'a ü €'],
    ['a number', 7],
    ['false', false],
    ['a tree', { a: [1, { b: null }] }],
    ['an empty list', []],
  ] as const;
  test.each(values)('gives back %s as it was put', async (name, value) => {
    await state.put(`value ${name}`, value, LONG);
    expect(await state.get(`value ${name}`)).toEqual(value);
  });

  test('swaps only for what was seen, and one of many wins', async () => {
    const key = 'swapped';
    const first = { list: [{ b: 1, a: 'ü' }], none: null };
    expect(await state.swap(key, { other: 1 }, first, LONG)).toBe(false);
    const all = await Promise.all([1, 2, 3, 4, 5].map((nth) => state.swap(key, null, { ...first, nth }, LONG)));
    expect(all.filter(Boolean)).toHaveLength(1);
    const seen = await state.get<{ nth: number }>(key);
    expect(await state.swap(key, first, { nth: 9 }, LONG)).toBe(false);
    expect(await state.swap(key, seen, first, LONG)).toBe(true);
    expect(await state.get(key)).toEqual(first);
    expect(await state.swap(key, await state.get(key), null, LONG)).toBe(true);
    expect([await state.get(key), await state.swap(key, null, null, LONG)]).toEqual([null, true]);
  });

  test('swaps nothing for what is over', async () => {
    await state.put('over', 1, SHORT);
    await vi.waitFor(async () => expect(await state.get('over')).toBeNull());
    expect(await state.swap('over', 1, 2, LONG)).toBe(false);
    expect(await state.swap('over', null, 3, LONG)).toBe(true);
  });

  test('has nothing under a key that nobody put', async () => {
    expect(await state.get('nobody')).toBeNull();
    expect(await state.take('nobody')).toBeNull();
  });

  test('replaces a value and its time', async () => {
    await state.put('twice', 1, SHORT);
    await state.put('twice', 2, LONG);
    await vi.waitFor(async () => {
      await state.put('clock', 1, SHORT);
      await gone('clock');
    });
    expect(await state.get('twice')).toBe(2);
  });

  test('forgets a value after its time', async () => {
    await state.put('brief', 1, SHORT);
    await gone('brief');
    expect(await state.take('brief')).toBeNull();
  });

  test('gives a value that is taken to one of many who ask at once', async () => {
    await state.put('ticket', 'admit one', LONG);
    const answers = await Promise.all(Array.from({ length: 20 }, () => state.take('ticket')));
    expect(answers.filter((answer) => answer !== null)).toEqual(['admit one']);
    expect(await state.get('ticket')).toBeNull();
  });

  test('deletes, also what is not there', async () => {
    await state.put('unwanted', 1, LONG);
    await state.delete('unwanted');
    await state.delete('unwanted');
    expect(await state.get('unwanted')).toBeNull();
  });

  test('counts every one of many at once', async () => {
    const counts = await Promise.all(Array.from({ length: 30 }, () => state.increment('crowd', LONG)));
    expect(counts.map(({ count }) => count).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 30 }, (_, index) => index + 1),
    );
    for (const { remainingMs } of counts) expect(remainingMs).toBeGreaterThan(LONG - 10_000);
  });

  test('ends a window at the time that its first count set, and begins anew', async () => {
    await state.increment('window', 400);
    expect((await state.increment('window', LONG)).remainingMs).toBeLessThanOrEqual(400);
    await vi.waitFor(async () => expect((await state.increment('window', SHORT)).count).toBe(1));
  });

  test('begins to count anew after a reset, and tells a counter from a value', async () => {
    await state.increment('both', LONG);
    await state.put('both', 'value', LONG);
    expect((await state.increment('both', LONG)).count).toBe(2);
    await state.reset('both');
    expect((await state.increment('both', LONG)).count).toBe(1);
    expect(await state.get('both')).toBe('value');
  });

  test('gives a lock to one of many, and to the next after a release', async () => {
    const locks = (await Promise.all(Array.from({ length: 10 }, () => state.lock('door', LONG)))).filter(held);
    expect(locks).toHaveLength(1);
    await locks[0]!.release();
    const next = await state.lock('door', LONG);
    expect(next!.token).toBeGreaterThan(locks[0]!.token);
  });

  test('gives a lock away when its time is over, and the former holder can neither renew nor release it', async () => {
    const first = (await state.lock('lapsed', SHORT))!;
    const second = await vi.waitFor(async () => {
      const lock = await state.lock('lapsed', LONG);
      expect(lock).not.toBeNull();
      return lock!;
    });
    expect(second.token).toBeGreaterThan(first.token);
    expect(await first.renew()).toBe(false);
    await first.release();
    expect(await state.lock('lapsed', LONG)).toBeNull();
    expect(await second.renew()).toBe(true);
  });

  test('holds a lock as long as it is renewed', async () => {
    const lock = (await state.lock('kept', 1000))!;
    await state.put('clock', 1, 1200);
    await vi.waitFor(
      async () => {
        expect(await lock.renew()).toBe(true);
        expect(await state.get('clock')).toBeNull();
      },
      { timeout: 10_000, interval: 100 },
    );
    expect(await state.lock('kept', LONG)).toBeNull();
  });

  async function gone(key: string): Promise<void> {
    await vi.waitFor(async () => expect(await state.get(key)).toBeNull());
  }
});

describe.each<[string, () => Pick<Ephemeral, 'turn'>]>([
  ...sides,
  [
    'this process',
    () => {
      const one = new LocalTurnstile(systemClock);
      return { turn: (_name, ask) => one.turn(ask) };
    },
  ],
])('a turnstile in %s', (_name, make) => {
  let state: Pick<Ephemeral, 'turn'>;
  let name: string;
  beforeEach(() => {
    state = make();
    name = randomUUID();
  });
  const ask = (holder: string, more: Partial<TurnAsk> = {}) =>
    state.turn(name, { holder, held: 0, wants: true, most: 2, flows: [], pauseMs: 0, ...more });
  const slow = { name: 'slow', costMs: 60_000, burstMs: 0 };

  test('gives as many turns as there may be at once, and none beyond', async () => {
    expect(await ask('a')).toMatchObject({ through: true, waitMs: 0, pauseMs: 0, others: 0, note: null });
    expect((await ask('b')).through).toBe(true);
    expect(await ask('c')).toMatchObject({ through: false, waitMs: 50, others: 2 });
    await ask('a', { wants: false });
    expect((await ask('c')).through).toBe(true);
  });

  test('prefers whoever has less than its share, and of those whoever has waited longer', async () => {
    await ask('a');
    await ask('a', { held: 1 });
    await ask('b');
    expect((await ask('a', { held: 1 })).through).toBe(false);
    await ask('c');
    await ask('a', { held: 1, wants: false });
    expect((await ask('c')).through).toBe(false);
    expect((await ask('b')).through).toBe(true);
  });

  test('leaves places to one alone while nobody else wants any', async () => {
    await ask('b', { wants: false });
    expect([await ask('a'), await ask('a', { held: 1 })].map(({ through }) => through)).toEqual([true, true]);
  });

  test('lets a flow catch up, its burst first, and another one goes on meanwhile', async () => {
    expect((await ask('a', { flows: [slow] })).through).toBe(true);
    const behind = await ask('b', { flows: [slow] });
    expect(behind.through).toBe(false);
    expect(behind.waitMs).toBeGreaterThan(55_000);
    expect((await ask('c', { most: 10, flows: [{ ...slow, name: 'other' }] })).through).toBe(true);
    expect((await ask('c', { most: 10, flows: [{ ...slow, burstMs: 61_000 }] })).through).toBe(true);
  });

  test('sends those who wait for a flow one after the other', async () => {
    await ask('a', { flows: [slow] });
    await ask('b', { flows: [slow] });
    const later = await ask('c', { flows: [slow] });
    expect(later.waitMs).toBeGreaterThan(115_000);
  });

  test('lets nobody through in a pause; a shorter one does not cut it', async () => {
    await ask('a', { wants: false, pauseMs: 60_000 });
    await ask('a', { wants: false, pauseMs: 10 });
    const answer = await ask('b');
    expect(answer.through).toBe(false);
    expect(answer.pauseMs).toBeGreaterThan(55_000);
    expect(answer.waitMs).toBe(answer.pauseMs);
  });

  test('opens again when the pause is over', async () => {
    await ask('a', { wants: false, pauseMs: SHORT });
    await vi.waitFor(async () => expect((await ask('a')).through).toBe(true));
  });

  test('tells everybody what one has said, and keeps to fewer at once', async () => {
    await ask('a', { wants: false, said: { most: 1, note: 'careful "ü"' } });
    expect(await ask('b')).toMatchObject({ through: true, note: 'careful "ü"' });
    expect((await ask('c')).through).toBe(false);
    await ask('b', { wants: false, said: { most: null, note: 'all is well' } });
    const both = [await ask('c'), await ask('b')];
    expect(both).toMatchObject([
      { through: true, note: 'all is well' },
      { through: true, note: 'all is well' },
    ]);
  });

  test('says how many turns there were lately', async () => {
    for (let i = 0; i < 10; i += 1) await ask('a', { most: 100, held: i });
    const { load } = await ask('b', { wants: false });
    expect(load).toBeGreaterThan(2);
    expect(load).toBeLessThanOrEqual(10);
  });

  test('gives each turn once, however many ask at the same moment', async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => ask(`holder ${i}`, { most: 7 })));
    expect(answers.filter(({ through }) => through)).toHaveLength(7);
  });
});

describe('what is over', () => {
  test('is swept out of the database, and nothing else', async () => {
    const state = new PostgresEphemeral(postgres.database);
    await state.put('swept', 1, 1);
    await state.put('stays', 1, LONG);
    await state.increment('swept', 1);
    await state.lock('swept', 1);
    await state.turn('stays', { holder: 'a', held: 0, wants: true, most: 1, flows: [], pauseMs: 0 });
    const left = async (table: string, column: string) =>
      (await postgres.database.query(`SELECT 1 FROM ${table} WHERE ${column} = 'swept'`)).length;
    await vi.waitFor(async () => {
      await state.sweep();
      expect(await left('ephemeral_values', 'key')).toBe(0);
      expect(await left('ephemeral_counters', 'key')).toBe(0);
      expect(await left('ephemeral_locks', 'name')).toBe(0);
    });
    expect(await state.get('stays')).toBe(1);
  });
});

describe('a Redis that dies', () => {
  test('is an honest fault at once, and forgets; tokens still rise when it is back', async () => {
    const state = new RedisEphemeral(redis, () => nextFencingToken(postgres.database));
    const before = (await state.lock('fragile', LONG))!;
    await server.kill();
    await vi.waitFor(() => expect(redis.status).not.toBe('ready'));
    await expect(state.increment('attempts', LONG)).rejects.toBeInstanceOf(EphemeralAway);
    await server.startAgain();
    const after = await vi.waitFor(async () => (await state.lock('fragile', LONG))!, { timeout: 10_000 });
    expect(after.token).toBeGreaterThan(before.token);
    expect(await before.renew()).toBe(false);
  });
});

function held(lock: Lock | null): lock is Lock {
  return lock !== null;
}
