import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
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
    await vi.waitFor(async () => expect((await state.increment('window', SHORT)).count).toBe(1), { timeout: 5000 });
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
    await vi.waitFor(async () => expect(await state.get(key)).toBeNull(), { timeout: 5000 });
  }
});

describe('what is over', () => {
  test('is swept out of the database, and nothing else', async () => {
    const state = new PostgresEphemeral(postgres.database);
    await state.put('swept', 1, 1);
    await state.put('stays', 1, LONG);
    await state.increment('swept', 1);
    await state.lock('swept', 1);
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
