import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Connection, ConnectionDetails, ConnectionList, Placement } from '#contracts';
import { type S3Double, startS3Double } from '#storage/testing';
import type pg from 'pg';
import { Gates } from '../src/connections/gates.js';
import { Traffic } from '../src/connections/traffic.js';
import { healthOf, LightLook } from '../src/connections/index.js';
import { Database } from '../src/database/index.js';
import { TryAtStart } from '../src/upkeep/try-at-start.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, intruder } from './support/inside.js';
import { call, signIn } from './support/people.js';
import { type RateKeeper, startRateKeeper } from './support/rate-keeper.js';
import { startRedis, type TestRedis } from './support/redis.js';

/** Two gateways over one database and one Redis, and a bucket behind somebody who counts. */
let redis: TestRedis;
let store: S3Double;
let keeper: RateKeeper;
let gateways: TestGateway[] = [];
let clients: Client[] = [];
let token: string;
let bucket: Connection | undefined;

beforeAll(async () => {
  [redis, store] = await Promise.all([startRedis(), startS3Double({ createOnly: 'heeded' })]);
  keeper = await startRateKeeper(store.endpoint);
  const environment = { REDIS_URL: redis.url, TESSERA_ALLOW_HOSTS: '127.0.0.1' };
  const first = await startGateway({ environment });
  const shared = { DATABASE_URL: first.databaseUrl, TESSERA_ROOT_KEY_FILE: join(first.dataFolder, 'root.key') };
  gateways = [first, await startGateway({ environment: { ...environment, ...shared } })];
  token = await signIn(first);
  clients = gateways.map((gateway) => new Client(gateway, token, 32));
  const { items } = (await call(first, '/api/cloud/connections', { token })).json<ConnectionList>();
  for (const { id } of items) await change(id, { enabled: false });
});
afterAll(async () => {
  for (const client of clients) client[Symbol.dispose]();
  for (const gateway of gateways.toReversed()) await gateway.stop();
  await keeper?.stop();
  await store?.stop();
  await redis?.stop();
});
beforeEach(() => {
  Object.assign(keeper, { perSecond: null, retryAfterSeconds: 1, down: false, crowd: 0 });
});

/** A connection that nothing was learned about; those before it are not used any more. */
async function connectAnew(): Promise<void> {
  Object.assign(keeper, { perSecond: null, down: false });
  keeper.forgive();
  if (bucket) await change(bucket.id, { enabled: false });
  const body = {
    label: 'Bucket',
    endpoint: keeper.url,
    region: 'us-east-1',
    bucket: store.bucket,
    accessKeyId: store.accessKeyId,
    secretAccessKey: store.secretAccessKey,
    prefix: randomBytes(4).toString('hex'),
  };
  const made = await call(gateways[0]!, '/api/cloud/connections/s3', { token, body });
  expect([made.status, made.text]).toEqual([201, expect.anything()]);
  bucket = made.json<Connection>();
  // Each gateway goes by what it read of the connections for two seconds.
  for (const [index, client] of clients.entries()) {
    const path = `first/${bucket.id}-${index}`;
    await vi.waitFor(
      async () => {
        await client.put(path, small);
        expect(await placedOn(client, path)).toBe(bucket!.id);
      },
      { timeout: 10_000 },
    );
  }
}

async function placedOn(client: Client, path: string): Promise<string | undefined> {
  const { chunks } = (await client.placement(path)).json<Placement>();
  return chunks[0]?.shards[0]?.connection;
}

async function database<T>(work: (sql: pg.Client) => Promise<T>): Promise<T> {
  await using sql = await intruder(gateways[0]!);
  return await work(sql);
}

async function heldBytes(): Promise<number> {
  const held = `select coalesce(sum(length), 0) as held from blobs where connection = $1 and state <> 'gone'`;
  const { rows } = await database((sql) => sql.query<{ held: string }>(held, [bucket!.id]));
  return Number(rows[0]!.held);
}

async function change(id: string, body: object): Promise<void> {
  const answer = await call(gateways[0]!, `/api/cloud/connections/${id}`, { method: 'PATCH', token, body });
  expect([answer.status, answer.text]).toEqual([200, expect.anything()]);
}

async function details(gateway = gateways[0]!): Promise<ConnectionDetails> {
  return (await call(gateway, `/api/cloud/connections/${bucket!.id}`, { token })).json<ConnectionDetails>();
}

/** 1,000 in the long search, `npm run search:pacing`. */
const FILES = Number(process.env['PACING_FILES'] ?? 200);
const small = randomBytes(2_000);
const large = randomBytes(700_000);

/** Once all gateways have written down what they saw. */
async function sentToday(): Promise<number> {
  for (const gateway of gateways) await inside(gateway, Traffic).flush();
  return (await details()).activity.bytesUp;
}

/** So many small files, by so many clients at once, through both gateways; the statuses that are no success. */
async function upload(folder: string, count: number, atOnce: number): Promise<number[]> {
  const failed: number[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const number = (next += 1);
      const { status } = await clients[number % 2]!.put(`${folder}/${number}`, small);
      if (status >= 300) failed.push(status);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return failed;
}

describe('A cloud that lets only so many requests through', () => {
  beforeAll(connectAnew);

  it('is asked by no gateway inside a Retry-After, and not too often once its rate is known', async () => {
    // Less than this machine would like to send, however busy it is; and sent for long enough to be no mere burst.
    const began = performance.now();
    let sent = 0;
    for (; performance.now() - began < 4_000; sent += 50) expect(await upload(`free-${sent}`, 50, 16)).toEqual([]);
    keeper.perSecond = Math.max(8, Math.floor((0.35 * sent) / ((performance.now() - began) / 1000)));
    const before = keeper.asked;
    expect(await upload('warm', FILES * 0.3, 16)).toEqual([]);
    const learning = keeper.refused;
    expect(learning).toBeGreaterThan(0);
    expect(await upload('small', FILES * 0.7, 16)).toEqual([]);
    // None on a quiet machine; where the clocks of both sides are held up by others, requests bunch now and then.
    expect(keeper.refused - learning).toBeLessThanOrEqual(FILES * 0.05);
    expect(keeper.early).toBe(0);
    console.info(
      `${FILES} small files: ${keeper.asked - before} requests, ${learning} refused while the rate was learned, ${keeper.refused - learning} after`,
    );
    expect((await details()).activity.throttles).toBeGreaterThan(0);
  }, 240_000);

  it('is left alone for as long as it says, and its uploads wait for it within bounds', async () => {
    Object.assign(keeper, { perSecond: 0, retryAfterSeconds: 4 });
    const { early, refused } = keeper;
    const began = performance.now();
    const uploads = upload('patient', 4, 4);
    await expect.poll(() => keeper.refused, { timeout: 10_000 }).toBeGreaterThan(refused);
    keeper.perSecond = null;
    expect(await uploads).toEqual([]);
    expect(performance.now() - began).toBeGreaterThan(4_000);
    expect(keeper.early).toBe(early);
  });

  it('is not waited for when it asks for longer than a client waits: 503, and when to come back', async () => {
    Object.assign(keeper, { perSecond: 0, retryAfterSeconds: 120 });
    const { early, asked } = keeper;
    const answers = await Promise.all(clients.map((client) => client.put('impatient', small)));
    for (const { status, headers } of answers) {
      expect(status).toBe(503);
      expect(Number(headers['retry-after'])).toBeGreaterThan(60);
    }
    expect(keeper.early).toBe(early);
    expect(keeper.asked - asked).toBeLessThanOrEqual(4);
    const shown = await details();
    expect(shown).toMatchObject({ status: 'degraded', lastError: 'The provider asked us to slow down.' });
    expect(shown.activity.pausedSeconds).toBeGreaterThan(60);
  });
});

describe('A cloud that fails', () => {
  beforeAll(connectAnew);

  it('is left alone after failures in a row, by all gateways, and used again when it answers', async () => {
    keeper.down = true;
    const uploads = upload('down', 12, 12);
    const gates = gateways.map((gateway) => inside(gateway, Gates));
    await expect
      .poll(() => gates.every((gate) => gate.state(bucket!.id)!.resting), { timeout: 20_000, interval: 20 })
      .toBe(true);
    const { asked } = keeper;
    await expect.poll(async () => (await details()).status).toBe('degraded');
    expect(keeper.asked - asked).toBeLessThan(10);
    keeper.down = false;
    expect(await uploads).toEqual([]);
    expect(await upload('up', 10, 4)).toEqual([]);
    expect(gates.map((gate) => gate.state(bucket!.id)!.resting)).toEqual([false, false]);
    await expect.poll(async () => (await details()).activity.failures, { timeout: 10_000 }).toBeGreaterThan(4);
  }, 120_000);
});

describe('A cloud that nobody asks anything', () => {
  beforeAll(connectAnew);

  /** As upkeep does, in a gateway whose turn it is. */
  async function look(): Promise<string> {
    await database((sql) => sql.query(`update connections set looked_at = null where id = $1`, [bucket!.id]));
    const row = (await healthOf(inside(gateways[0]!, Database), [bucket!.id])).get(bucket!.id)!;
    await inside(gateways[0]!, LightLook).run(row);
    return (await details()).status;
  }

  it('is found to be gone, and to be back, by a look now and then', async () => {
    const quiet = `update connections set last_success_at = now() - interval '10 minutes' where id = $1`;
    await database((sql) => sql.query(quiet, [bucket!.id]));
    keeper.down = true;
    expect(await look()).toBe('degraded');
    expect((await details()).lastError).toMatch(/^The (server|store) /);
    keeper.down = false;
    await expect.poll(look, { timeout: 40_000 }).toBe('healthy');
    const { asked } = keeper;
    await look();
    expect(keeper.asked).toBe(asked);
  });

  it('is tried with a small write when a gateway starts', async () => {
    const { asked } = keeper;
    await inside(gateways[1]!, TryAtStart).run();
    expect(keeper.asked).toBeGreaterThan(asked);
    keeper.down = true;
    await inside(gateways[1]!, TryAtStart).run();
    expect((await details()).status).not.toBe('healthy');
  });
});

describe('Limits', () => {
  beforeAll(connectAnew);

  it('hold in all gateways within seconds', async () => {
    await change(bucket!.id, { limits: { concurrency: 1, requestsPerSecond: 20 } });
    await expect
      .poll(
        async () => {
          keeper.crowd = 0;
          const { asked } = keeper;
          const began = performance.now();
          expect(await upload('slowly', 30, 6)).toEqual([]);
          const perSecond = (keeper.asked - asked) / ((performance.now() - began) / 1000);
          return { crowd: keeper.crowd, calm: perSecond < 25 };
        },
        { timeout: 30_000 },
      )
      .toEqual({ crowd: 1, calm: true });
    await change(bucket!.id, { limits: { concurrency: null, requestsPerSecond: null } });
    expect((await details()).limits).toEqual({});
  });

  it('of bytes a day and of bytes that may lie there are kept', async () => {
    const held = await heldBytes();
    await change(bucket!.id, { limits: { maxBytes: held + 20_000 } });
    for (const gateway of gateways) await inside(gateway, Gates).refresh();
    const statuses = await upload('bounded', 12, 3);
    expect(new Set(statuses)).toEqual(new Set([507]));
    expect(statuses.length).toBeGreaterThan(3);
    expect(await heldBytes()).toBeLessThanOrEqual(held + 20_000);
    expect((await details()).space.free).toBe(held + 20_000 - (await heldBytes()));
    const limit = 1024 * 1024 + (await sentToday());
    await change(bucket!.id, { limits: { maxBytes: null, bytesPerDay: limit } });
    for (const gateway of gateways) await inside(gateway, Gates).refresh();
    await expect
      .poll(async () => (await clients[1]!.put('day', large)).status, { timeout: 20_000, interval: 50 })
      .toBe(503);
    const sent = await sentToday();
    await change(bucket!.id, { limits: { bytesPerDay: null } });
    expect(sent).toBeGreaterThan(limit - large.length - 10_000);
    expect(sent).toBeLessThanOrEqual(limit);
  });

  it('that make no sense are refused', async () => {
    for (const limits of [
      { concurrency: 0 },
      { requestsPerSecond: 0 },
      { uploadBytesPerSecond: 1 },
      { bytesPerDay: 5 },
      { x: 1 },
    ]) {
      const path = `/api/cloud/connections/${bucket!.id}`;
      expect((await call(gateways[0]!, path, { method: 'PATCH', token, body: { limits } })).status).toBe(422);
    }
  });
});

describe('A Redis that forgets', () => {
  beforeAll(connectAnew);

  it('does not make anybody forget what a cloud has asked for', async () => {
    Object.assign(keeper, { perSecond: 0, retryAfterSeconds: 8 });
    const { early, refused } = keeper;
    const uploads = upload('forgetful', 6, 6);
    const paused = () => gateways.every((gateway) => inside(gateway, Gates).state(bucket!.id)!.pausedMs > 0);
    await expect.poll(paused, { timeout: 10_000, interval: 20 }).toBe(true);
    await redis.kill();
    await redis.startAgain();
    keeper.perSecond = null;
    expect(await uploads).toEqual([]);
    expect(keeper.early).toBe(early);
    expect(keeper.refused).toBeGreaterThan(refused);
  });
});

describe('A Redis that dies', () => {
  beforeAll(connectAnew);

  it('stops nothing: each gateway paces itself meanwhile', async () => {
    const uploads = upload('without', 200, 12);
    await redis.kill();
    expect(await uploads).toEqual([]);
    expect(await upload('still-without', 50, 12)).toEqual([]);
    await redis.startAgain();
    expect(await upload('with-again', 50, 12)).toEqual([]);
  });
});
