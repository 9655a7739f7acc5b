import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { JobPage } from '#contracts';
import { UsualTimes } from '../src/connections/index.js';
import { Rebalance } from '../src/upkeep/homes/rebalance.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, intruder, upkeep } from './support/inside.js';
import { signIn } from './support/people.js';
import { connectPlaces, type TestPlaces } from './support/places.js';

const CHUNK = 64 * 1024;
const ROOM = 32 * CHUNK;

let gateway: TestGateway;
let person: Client;
let places: TestPlaces;

beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK) } });
  person = new Client(gateway, await signIn(gateway));
  places = await connectPlaces(person, 4);
  for (const { id } of places.all) {
    const limited = await person.json('PATCH', `/api/cloud/connections/${id}`, { limits: { maxBytes: ROOM } });
    expect(limited.status).toBe(200);
  }
});
afterAll(async () => {
  person?.[Symbol.dispose]();
  await gateway?.stop();
  await places?.[Symbol.asyncDispose]();
});

async function fills(): Promise<number[]> {
  await using sql = await intruder(gateway);
  const { rows } = await sql.query<{ connection: string; bytes: string }>(
    `select connection, sum(length) as bytes from blobs where state = 'live' group by connection`,
  );
  return places.all.map(({ id }) => Number(rows.find(({ connection }) => connection === id)?.bytes ?? 0) / ROOM);
}

const jobs = async () =>
  (await person.send('/api/jobs')).json<JobPage>().items.filter(({ kind }) => kind === 'rebalance');

it('gives a new connection its share, and leaves it at that', async () => {
  const spread = (count: number) => ({
    data: 1,
    parity: 1,
    connections: places.all.slice(0, count).map(({ id }) => id),
  });
  expect((await person.json('PATCH', '/api/users/me/default-storage', spread(3))).status).toBe(200);
  const plain = randomBytes(30 * CHUNK);
  expect((await person.put('kept', plain)).status).toBe(201);
  const rebalance = inside(gateway, Rebalance);
  expect((await person.json('PATCH', '/api/users/me/default-storage', spread(4))).status).toBe(200);
  const gap = async (): Promise<number> => {
    const all = await fills();
    return Math.max(...all) - Math.min(...all);
  };
  expect(await gap()).toBeGreaterThan(0.4);
  for (let passes = 0; passes < 4 && (await gap()) > 0.2; passes += 1) {
    await rebalance.look(true);
    await expect
      .poll(async () => (await jobs()).map(({ state }) => state), { timeout: 20_000 })
      .not.toContain('waiting');
    await expect
      .poll(async () => (await jobs()).map(({ state }) => state), { timeout: 20_000 })
      .not.toContain('running');
  }
  expect((await jobs()).length).toBeGreaterThan(0);
  expect(await gap()).toBeLessThanOrEqual(0.25);
  const before = await fills();
  await upkeep(gateway);
  await rebalance.look();
  expect(await fills()).toEqual(before);
  expect((await person.get('kept')).body.equals(plain)).toBe(true);
  const { chunks } = (await person.placement('kept')).json<{ chunks: { shards: { connection: string }[] }[] }>();
  for (const { shards } of chunks) expect(new Set(shards.map(({ connection }) => connection)).size).toBe(2);
});

it('gives the pieces that are read to the quicker of those places', async () => {
  const three = places.all.slice(0, 3).map(({ id }) => id);
  await person.spread(2, 1, three);
  const times = inside(gateway, UsualTimes);
  for (let nth = 0; nth < 100; nth += 1) times.note(three[1]!, 60_000);
  expect((await person.put('quick', randomBytes(6 * CHUNK))).status).toBe(201);
  const { chunks } = (await person.placement('quick')).json<{
    chunks: { shards: { index: number; connection: string }[] }[];
  }>();
  const slow = chunks.flatMap(({ shards }) => shards.filter(({ connection }) => connection === three[1]));
  expect(slow.map(({ index }) => index)).toEqual(Array(chunks.length).fill(2));
});
