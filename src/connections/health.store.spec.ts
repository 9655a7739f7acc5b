import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startDatabase, type TestDatabase } from '../../test/support/database.js';
import { insertConnection } from './connections.store.js';
import { claimLook, healthOf, noteHealth, type SeenOfConnection } from './health.store.js';
import { addCounts, countedDay } from './traffic.store.js';

let postgres: TestDatabase;
let id: string;
beforeAll(async () => (postgres = await startDatabase()));
afterAll(() => postgres?.stop());
beforeEach(async () => {
  id = randomUUID();
  await insertConnection(postgres.database, {
    id,
    account: null,
    provider: 'local',
    label: 'a',
    identity: id,
    domain: 'a',
    folder: randomBytes(16).toString('hex'),
    settings: {},
    credentials: null,
  });
  await postgres.database.execute(`update connections set last_success_at = now() - interval '1 hour' where id = $1`, [
    id,
  ]);
});

const nothing: SeenOfConnection = {
  succeededMsAgo: null,
  error: null,
  erredMsAgo: null,
  failures: 0,
  failingMsAgo: null,
};
const note = (seen: Partial<SeenOfConnection>) => noteHealth(postgres.database, id, { ...nothing, ...seen });
const failed = (failures: number, failingMsAgo: number) =>
  note({ failures, failingMsAgo, erredMsAgo: 0, error: 'The server cannot be reached.' });
async function health(): Promise<{ failures: number; failingSeconds: number | null }> {
  const { failures, failingMs } = (await healthOf(postgres.database, [id])).get(id)!;
  return { failures, failingSeconds: failingMs === null ? null : Math.round(failingMs / 1000) };
}

test('a run of failures begins with the first of them, and goes on over gateways', async () => {
  await failed(2, 90_000);
  expect(await health()).toEqual({ failures: 2, failingSeconds: 90 });
  await failed(1, 30_000);
  expect(await health()).toEqual({ failures: 3, failingSeconds: 90 });
});

test('a success that anybody sees ends it, and the next failure begins another', async () => {
  await failed(5, 600_000);
  await note({ succeededMsAgo: 10_000 });
  expect(await health()).toEqual({ failures: 0, failingSeconds: null });
  await failed(1, 2_000);
  expect(await health()).toEqual({ failures: 1, failingSeconds: 2 });
});

test('a success that is older than the run does not end it', async () => {
  await failed(3, 60_000);
  await note({ succeededMsAgo: 120_000 });
  expect(await health()).toEqual({ failures: 3, failingSeconds: 60 });
});

test('a gateway that saw a success and then failures begins a run of its own', async () => {
  await failed(3, 600_000);
  await note({ succeededMsAgo: 20_000, failures: 2, failingMsAgo: 10_000, erredMsAgo: 0, error: 'x' });
  expect(await health()).toEqual({ failures: 2, failingSeconds: 10 });
});

test('one of many looks, and again only after its time', async () => {
  const claims = await Promise.all(Array.from({ length: 10 }, () => claimLook(postgres.database, id, 60_000)));
  expect(claims.filter(Boolean)).toHaveLength(1);
  expect(await claimLook(postgres.database, id, 60_000)).toBe(false);
  await postgres.database.execute(`update connections set looked_at = now() - interval '2 minutes' where id = $1`, [
    id,
  ]);
  expect(await claimLook(postgres.database, id, 60_000)).toBe(true);
});

test('what many gateways count is summed up by the hour', async () => {
  const counts = { requests: 3, failures: 1, throttles: 1, up: 1000, down: 2 ** 40 };
  await Promise.all(Array.from({ length: 8 }, () => addCounts(postgres.database, new Map([[id, counts]]))));
  const hours = (await countedDay(postgres.database, [id])).get(id)!;
  const sum = (name: keyof typeof counts) => hours.reduce((total, hour) => total + hour[name], 0);
  expect([sum('requests'), sum('failures'), sum('up'), sum('down')]).toEqual([24, 8, 8000, 8 * 2 ** 40]);
  expect(hours.every(({ ago }) => ago <= 1)).toBe(true);
});
