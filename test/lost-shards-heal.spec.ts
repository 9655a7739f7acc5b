import { randomBytes, randomInt } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ShardDigest } from '#dispersal';
import { MoveShard, Repair } from '../src/upkeep/moving/index.js';
import { lostShards } from '../src/upkeep/moving/lost.store.js';
import { ConnectionPool, GivingUp } from '../src/connections/index.js';
import { Database } from '../src/database/index.js';
import { NotYet } from '../src/jobs/index.js';
import { Sweep } from '../src/upkeep/index.js';
import { UpkeepOfConnections } from '../src/upkeep/upkeep-of-connections.js';
import { UpkeepOfShards } from '../src/upkeep/upkeep-of-shards.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder, standStill } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';
import { connectPlaces, type TestPlace, type TestPlaces } from './support/places.js';

/** `npm run search:heal` heals 5,000 shards of a mebibyte. */
const BLOBS = Number(process.env['HEAL_BLOBS'] ?? 200);
const CHUNK = Number(process.env['HEAL_CHUNK'] ?? 64 * 1024);
const LONG = BLOBS > 1000 ? 1_800_000 : 120_000;
const FILE = 50;

let gateway: TestGateway;
let admin: Client;
let places: TestPlaces;
const clients: Client[] = [];

beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK) } });
  admin = new Client(gateway, await signIn(gateway));
  clients.push(admin);
  places = await connectPlaces(admin, 30);
  await standStill(gateway);
});
afterAll(async () => {
  for (const client of clients) client[Symbol.dispose]();
  await gateway?.stop();
  await places?.[Symbol.asyncDispose]();
});

let used = 0;
/** Somebody of their own, whose chunks are spread over places that nobody else uses. */
async function personOn(count: number, data: number, parity: number): Promise<{ person: Client; own: TestPlace[] }> {
  const own = places.all.slice(used, (used += count));
  const person = new Client(gateway, (await newPerson(gateway, admin.token, ['user'])).token);
  clients.push(person);
  await person.spread(data, parity, own);
  return { person, own };
}

async function rows<Row>(text: string, values: unknown[] = []): Promise<Row[]> {
  await using sql = await intruder(gateway);
  return (await sql.query(text, values)).rows as Row[];
}

/** What a scrub finds where everything was deleted but the marker. */
async function empty(place: TestPlace): Promise<number> {
  const blobs = [...(await blobsOnDisk(place.path)).values()];
  await Promise.all(blobs.map((blob) => rm(blob)));
  await rows(`update blobs set fault = 'missing', fault_at = now() where connection = $1 and state = 'live'`, [
    place.id,
  ]);
  return blobs.length;
}

interface JobAnswer {
  kind: string;
  state: string;
  progress: { done: number; total: number | null; note: string | null };
}
async function repairJob(): Promise<JobAnswer> {
  const jobs = (await admin.send('/api/jobs')).json<{ items: JobAnswer[] }>().items;
  return jobs.find(({ kind }) => kind === 'repair')!;
}

/** A run of repair by itself, as its job makes one. */
const runRepair = () => inside(gateway, Repair).run({ signal: new AbortController().signal, progress: async () => {} });

/** Connections are looked at, and given up or counted again. */
async function looks(): Promise<void> {
  await inside(gateway, UpkeepOfConnections).run();
  await inside(gateway, GivingUp).run();
}

/** How many shards the record says were made anew. */
async function repaired(): Promise<number> {
  const entries = await rows<{ details: string }>(`select details from audit_inbox where action = 'shards.repaired'
    union all select details from audit_chain where action = 'shards.repaired'`);
  return entries.reduce((sum, { details }) => sum + (JSON.parse(details) as { shards: number }).shards, 0);
}

/** Whether every shard lies where its row says, byte for byte, each of a chunk in a place of its own. */
async function isWhole(own: readonly TestPlace[]): Promise<void> {
  const shards = await rows<{ name: string; digest: Buffer; connection: string; chunk: string; state: string }>(
    `select b.name, s.digest, b.connection, s.content || '/' || s.chunk as chunk, coalesce(b.fault, b.state) as state
     from shards s join blobs b on b.account = s.account and b.id = s.blob where b.connection = any($1::uuid[])`,
    [own.map(({ id }) => id)],
  );
  expect(shards.length).toBeGreaterThan(0);
  const files = new Map<string, string>();
  for (const { id, path } of own) for (const [name, file] of await blobsOnDisk(path)) files.set(`${id}/${name}`, file);
  for (const { name, digest, connection, state } of shards) {
    const found = new ShardDigest();
    found.update(await readFile(files.get(`${connection}/${name}`)!));
    expect([state, found.digest()]).toEqual(['live', digest]);
  }
  expect(new Set(shards.map(({ chunk, connection }) => `${chunk} ${connection}`)).size).toBe(shards.length);
}

/** Reads and writes as a few people would, until it is told to end; answers how often. */
function serve(person: Client, path: string, plain: Buffer): () => Promise<{ reads: number; writes: number }> {
  const served = { reads: 0, writes: 0 };
  const end = new AbortController();
  const serving = (async () => {
    while (!end.signal.aborted) {
      const start = randomInt(plain.length - 1000);
      const part = await person.get(path, { range: `bytes=${start}-${start + 999}` });
      expect(part.body.equals(plain.subarray(start, start + 1000))).toBe(true);
      served.reads += 1;
      expect((await person.put(`new-${served.writes}`, randomBytes(5000))).status).toBe(201);
      served.writes += 1;
      await pause(served.reads % 10 === 0 ? 3_000 : 20, undefined, { signal: end.signal }).catch(() => {});
    }
  })();
  return async () => {
    end.abort();
    await serving;
    return served;
  };
}

it('an emptied place heals to full strength while the gateway serves', { timeout: 2 * LONG }, async () => {
  const { person, own } = await personOn(3, 2, 1);
  const plain = randomBytes(FILE * CHUNK);
  for (let nth = 0; nth < BLOBS / FILE; nth += 1) expect((await person.put(`kept-${nth}`, plain)).status).toBe(201);
  expect(await empty(own[1]!)).toBe(BLOBS);
  const ended = serve(person, 'kept-0', plain);
  const began = performance.now();
  await inside(gateway, UpkeepOfShards).run();
  await vi.waitFor(async () => expect((await repairJob()).state).toBe('done'), { timeout: LONG, interval: 100 });
  const seconds = (performance.now() - began) / 1000;
  const { reads, writes } = await ended();
  expect((await repairJob()).progress).toMatchObject({ done: BLOBS, total: BLOBS });
  const [entry] = await rows<{ details: string }>(`select details from audit_inbox where action = 'shards.repaired'
    union all select details from audit_chain where action = 'shards.repaired'`);
  const { shards, bytes, read, written, waiting } = JSON.parse(entry!.details) as Record<string, number>;
  const perByte = [read! / bytes!, written! / bytes!];
  console.log(
    `${shards} shards of ${bytes! / shards!} bytes healed in ${seconds.toFixed(1)} s; ` +
      `${perByte[0]} bytes read and ${perByte[1]} written per byte healed; ${reads} reads and ${writes} writes served`,
  );
  expect([shards, waiting, ...perByte]).toEqual([BLOBS, 0, 2, 1]);
  expect(reads).toBeGreaterThan(0);
  await isWhole(own);
  expect((await person.placement('kept-0')).json<{ survives: number }>().survives).toBe(1);
  expect((await person.get(`kept-${BLOBS / FILE - 1}`)).body.equals(plain)).toBe(true);
});

describe('a place that nobody waits for any more', () => {
  const change = (place: TestPlace, givenUp: boolean) =>
    admin.json('PATCH', `/api/cloud/connections/${place.id}`, { givenUp });

  it('said by its owner: all of it is made anew elsewhere, and what comes back with it is deleted', async () => {
    const { person, own } = await personOn(4, 2, 1);
    const plain = randomBytes(20 * CHUNK);
    expect((await person.put('kept', plain)).status).toBe(201);
    const [lost] = own as [TestPlace];
    await rename(lost.path, `${lost.path}.away`);
    const answer = await change(lost, true);
    expect(answer.json<{ givenUpAt: string | null }>().givenUpAt).not.toBeNull();
    await runRepair();
    await isWhole(own.slice(1));
    const left = `select 1 from shards s join blobs b on b.account = s.account and b.id = s.blob where b.connection = $1`;
    expect(await rows(left, [lost.id])).toEqual([]);
    expect((await person.get('kept')).body.equals(plain)).toBe(true);
    await rename(`${lost.path}.away`, lost.path);
    await vi.waitFor(async () => {
      await inside(gateway, Sweep).run();
      expect([...(await blobsOnDisk(lost.path)).keys()]).toEqual([]);
    }, 20_000);
    // What was said by hand is taken back by hand.
    await looks();
    expect(await rows('select 1 from connections where id = $1 and given_up_at is null', [lost.id])).toEqual([]);
    expect((await change(lost, false)).json<{ givenUpAt: string | null }>().givenUpAt).toBeNull();
  });

  it('that still answers: what lies there alone is copied', async () => {
    const { person, own } = await personOn(2, 1, 0);
    const plain = randomBytes(6 * CHUNK);
    expect((await person.put('kept', plain)).status).toBe(201);
    for (const place of own) {
      await change(place, true);
      await runRepair();
      const there = await rows(`select 1 from blobs where connection = $1 and state = 'live'`, [place.id]);
      expect(there).toEqual([]);
      await change(place, false);
    }
    await isWhole(own);
    expect((await person.get('kept')).body.equals(plain)).toBe(true);
  });

  it('after three days without an answer, and counts again when it answers', async () => {
    const [place] = places.all.slice(used) as [TestPlace];
    const state = async () =>
      (
        await rows<{ up: boolean }>('select given_up_at is not null as up from connections where id = $1', [place.id])
      )[0]!.up;
    const failing = (since: string) =>
      rows(`update connections set failing_since = now() - interval '${since}', failures = 9 where id = $1`, [
        place.id,
      ]);
    await rename(place.path, `${place.path}.away`);
    await failing('2 days 23 hours');
    await looks();
    expect(await state()).toBe(false);
    await failing('3 days 1 hour');
    // A gateway that was off for those days has not asked: it begins to.
    await looks();
    expect(await state()).toBe(false);
    await rows(`update gateways set started_at = now() - interval '61 minutes'`);
    await looks();
    expect(await state()).toBe(true);
    await rename(`${place.path}.away`, place.path);
    await vi.waitFor(async () => {
      await rows(`update connections set looked_at = null where id = $1`, [place.id]);
      await looks();
      expect(await state()).toBe(false);
    }, 20_000);
  });
});

it('where there is no place to heal onto, the job says so and waits, and goes on when there is one', async () => {
  const { person, own } = await personOn(4, 2, 1);
  await person.spread(2, 1, own.slice(0, 3));
  const plain = randomBytes(3 * CHUNK);
  expect((await person.put('kept', plain)).status).toBe(201);
  const [lost] = own as [TestPlace];
  await admin.json('PATCH', `/api/cloud/connections/${lost.id}`, { givenUp: true });
  await expect(runRepair()).rejects.toThrow(NotYet);
  await expect(runRepair()).rejects.toThrow(/3 wait: Each chunk needs 3 places/);
  await person.spread(2, 1, own);
  expect((await runRepair()).healed).toBe(3);
  await admin.json('PATCH', `/api/cloud/connections/${lost.id}`, { givenUp: false });
  expect((await person.get('kept')).body.equals(plain)).toBe(true);
});

it('what was on a removed connection is made anew, as long as enough is left', async () => {
  const { person, own } = await personOn(4, 2, 1);
  const plain = randomBytes(8 * CHUNK);
  expect((await person.put('kept', plain)).status).toBe(201);
  const [gone] = own as [TestPlace];
  await person.spread(2, 1, own.slice(1));
  const removed = await admin.send(`/api/cloud/connections/${gone.id}?force=true`, { method: 'DELETE' });
  expect(removed.status).toBe(204);
  const missing = `select 1 from shards s join blobs b on b.account = s.account and b.id = s.blob
    where b.connection = $1`;
  await vi.waitFor(async () => {
    expect(await rows(`${missing} and b.state <> 'gone'`, [gone.id])).toEqual([]);
  }, 10_000);
  await runRepair();
  await isWhole(own.slice(1));
  expect(await rows(missing, [gone.id])).toEqual([]);
  expect((await person.placement('kept')).json<{ survives: number }>().survives).toBe(1);
  // Nobody looks for them any more: their rows end.
  await inside(gateway, Sweep).run();
  expect(await rows('select 1 from blobs where connection = $1', [gone.id])).toEqual([]);
});

it('two workers at one time make each shard anew once', async () => {
  const { person, own } = await personOn(3, 2, 1);
  expect((await person.put('kept', randomBytes(30 * CHUNK))).status).toBe(201);
  const before = await repaired();
  expect(await empty(own[0]!)).toBe(30);
  await Promise.allSettled([runRepair(), runRepair()]);
  await runRepair();
  await isWhole(own);
  expect((await repaired()) - before).toBe(30);
});

it.each([
  ['one lane while people are served', 0, 1],
  ['four lanes while nobody is', Infinity, 4],
])('%s', async (_, quiet, most) => {
  const { person, own } = await personOn(3, 2, 1);
  expect((await person.put('kept', randomBytes(12 * CHUNK))).status).toBe(201);
  await empty(own[0]!);
  vi.spyOn(inside(gateway, ConnectionPool), 'quietMs', 'get').mockReturnValue(quiet);
  const mover = inside(gateway, MoveShard);
  const real = mover.run.bind(mover);
  let moving = 0;
  let peak = 0;
  vi.spyOn(mover, 'run').mockImplementation(async (...asked) => {
    peak = Math.max(peak, (moving += 1));
    return real(...asked).finally(() => (moving -= 1));
  });
  expect((await runRepair()).healed).toBe(12);
  vi.restoreAllMocks();
  expect(peak).toBe(most);
});

it('chunks that survive the fewest further losses come first', async () => {
  const { person, own } = await personOn(4, 1, 3);
  for (const name of ['one', 'two', 'three']) expect((await person.put(name, randomBytes(100))).status).toBe(201);
  const [{ account }] = (await rows<{ account: string }>(`select account from nodes where name = 'three'`)) as [
    { account: string },
  ];
  const lose = (name: string, most: number) =>
    rows(
      `update blobs set fault = 'missing', fault_at = now() where id in (
         select s.blob from nodes n join versions v on v.account = n.account and v.id = n.head
         join shards s on s.account = v.account and s.content = v.content
         where n.account = $1 and n.name = $2 and s.shard < $3)`,
      [account, name, most],
    );
  await lose('one', 1);
  await lose('three', 3);
  await lose('two', 2);
  const inOrder = async () => {
    const { shards, total } = await lostShards(inside(gateway, Database), 100, { blobs: [], accounts: [] });
    return [total, shards.map(({ left }) => left)];
  };
  expect(await inOrder()).toEqual([6, [0, 0, 0, 1, 1, 2]]);
  // What cannot be made now keeps nothing waiting that can.
  const last = `(select b.connection from nodes n join versions v on v.account = n.account and v.id = n.head
    join shards s on s.account = v.account and s.content = v.content and s.shard = 3
    join blobs b on b.account = s.account and b.id = s.blob where n.account = $1 and n.name = 'three')`;
  await rows(`update connections set failing_since = now(), failures = 1 where id = ${last}`, [account]);
  expect(await inOrder()).toEqual([6, [1, 1, 2, 0, 0, 0]]);
  await rows(`update connections set failing_since = null, failures = 0 where id = ${last}`, [account]);
  await runRepair();
  await isWhole(own);
});
