import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Job } from '#contracts';
import { ConnectionAway, type StorageProvider } from '#storage';
import { ConnectionPool } from '../src/connections/index.js';
import { ReadFile } from '../src/transfers/index.js';
import { JobRun } from '../src/jobs/job-run.js';
import { LapsedMoves } from '../src/upkeep/moving/index.js';
import { SpreadChunk } from '../src/upkeep/spreading/spread-chunk.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder, standStill, upkeep } from './support/inside.js';
import { whileItEnds } from './support/last-moment.js';
import { newPerson, signIn } from './support/people.js';
import { connectPlaces, type TestPlace, type TestPlaces } from './support/places.js';

const CHUNK = 64 * 1024;
const PLACES = 6;

let gateway: TestGateway;
let admin: Client;
let places: TestPlaces;
const clients: Client[] = [];

beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK) } });
  admin = new Client(gateway, await signIn(gateway));
  clients.push(admin);
  places = await connectPlaces(admin, PLACES);
});
afterAll(async () => {
  for (const client of clients) client[Symbol.dispose]();
  await gateway?.stop();
  await places?.[Symbol.asyncDispose]();
});
afterEach(() => void vi.restoreAllMocks());

interface Spread {
  readonly data: number;
  readonly parity: number;
}

async function newClient(): Promise<Client> {
  const person = new Client(gateway, (await newPerson(gateway, admin.token, ['user'])).token);
  clients.push(person);
  return person;
}

async function wants(person: Client, { data, parity }: Spread, on: readonly TestPlace[] = places.all): Promise<void> {
  await person.spread(data, parity, on);
}

const jobOf = async (person: Client, id: string): Promise<Job> => (await person.send(`/api/jobs/${id}`)).json<Job>();

async function apply(person: Client): Promise<string> {
  const answer = await person.send('/api/users/me/default-storage/apply', { method: 'POST' });
  expect(answer.status).toBe(202);
  return answer.json<{ job: Job }>().job.id;
}

async function applied(person: Client): Promise<Job> {
  const id = await apply(person);
  await expect.poll(async () => (await jobOf(person, id)).state, { timeout: 20_000, interval: 30 }).toBe('done');
  return jobOf(person, id);
}

interface PlacementAnswer {
  spread: Spread;
  survives: number;
  chunks: { shards: { index: number; connection: string; state: string }[] }[];
}

/** Whether each file is as it was stored, lies as wanted, and is read also without as many places as may be lost. */
async function areSound(person: Client, files: ReadonlyMap<string, Buffer>, { data, parity }: Spread): Promise<void> {
  const lost = Array.from({ length: parity }, (_, nth) => places.all[(parity + nth) % PLACES]!);
  for (const name of files.keys()) {
    const { spread, survives, chunks } = (await person.placement(name)).json<PlacementAnswer>();
    expect([spread, survives]).toEqual([{ data, parity }, parity]);
    for (const { shards } of chunks) {
      expect(shards.map(({ index, state }) => [index, state])).toEqual(
        Array.from({ length: data + parity }, (_, index) => [index, 'live']),
      );
      expect(new Set(shards.map(({ connection }) => connection)).size).toBe(data + parity);
    }
  }
  for (const { path } of lost) await rename(path, `${path}.away`);
  try {
    for (const [name, plain] of files) expect((await person.get(name)).body.equals(plain)).toBe(true);
  } finally {
    for (const { path } of lost) await rename(`${path}.away`, path);
  }
}

/** Nothing is left of what was: neither in rows nor on any disk. */
async function nothingIsLeft(): Promise<void> {
  await upkeep(gateway);
  await using sql = await intruder(gateway);
  const rows = async (text: string) => (await sql.query(text)).rows;
  expect(await rows(`select 1 from moves`)).toEqual([]);
  expect(await rows(`select 1 from blobs where state in ('intended', 'condemned')`)).toEqual([]);
  expect(await rows(`select 1 from chunks where data is not null`)).toEqual([]);
  const live = new Set((await rows(`select name from blobs where state = 'live'`)).map((row) => row['name'] as string));
  const there = await Promise.all(places.all.map(async ({ path }) => [...(await blobsOnDisk(path)).keys()]));
  expect(there.flat().filter((name) => !live.has(name))).toEqual([]);
}

async function filesOf(person: Client): Promise<Map<string, Buffer>> {
  const files = new Map([0, 4097, 2 * CHUNK + 12_345].map((length) => [`file-of-${length}`, randomBytes(length)]));
  for (const [name, plain] of files) expect((await person.put(name, plain)).status).toBe(201);
  return files;
}

describe('files that are spread anew', () => {
  it('lie as the default storage says, from any spread to any other', async () => {
    const person = await newClient();
    await wants(person, { data: 1, parity: 0 });
    const files = await filesOf(person);
    for (const [data, parity] of [
      [3, 2],
      [3, 3],
      [2, 1],
      [2, 2],
      [1, 2],
      [1, 0],
    ] as const) {
      await wants(person, { data, parity });
      const { progress } = await applied(person);
      expect([progress.done, progress.note]).toEqual([progress.total, null]);
      await areSound(person, files, { data, parity });
    }
    await nothingIsLeft();
  });

  it('keep the pieces that are the same under both spreads', async () => {
    const person = await newClient();
    await wants(person, { data: 2, parity: 2 });
    await person.put('kept', randomBytes(CHUNK));
    const where = async () => (await person.placement('kept')).json<PlacementAnswer>().chunks[0]!.shards;
    const before = await where();
    await wants(person, { data: 2, parity: 3 });
    await applied(person);
    expect((await where()).slice(0, 4)).toEqual(before);
  });

  it('are read on by whoever had begun, from the old pieces to the new ones', async () => {
    const person = await newClient();
    await wants(person, { data: 2, parity: 1 });
    const plain = randomBytes(6 * CHUNK);
    await person.put('read', plain);
    const account = (await person.send('/api/auth/me')).json<{ id: string }>().id;
    const content = await (await inside(gateway, ReadFile).run(account, ['read'])).content();
    const reading = content.read(0, plain.length, 1)[Symbol.asyncIterator]();
    const pieces = [(await reading.next()).value as Buffer];
    await wants(person, { data: 3, parity: 1 });
    await applied(person);
    await upkeep(gateway);
    for (let next = await reading.next(); !next.done; next = await reading.next()) pieces.push(next.value);
    expect(Buffer.concat(pieces).equals(plain)).toBe(true);
  });

  it('go to the chosen connections, and off the others', async () => {
    const person = await newClient();
    await wants(person, { data: 1, parity: 1 }, places.all.slice(0, 3));
    const files = await filesOf(person);
    await wants(person, { data: 1, parity: 1 }, places.all.slice(3));
    await applied(person);
    const chosen = places.all.slice(3).map(({ id }) => id);
    for (const [name, plain] of files) {
      const { chunks } = (await person.placement(name)).json<PlacementAnswer>();
      for (const { connection } of chunks.flatMap(({ shards }) => shards)) expect(chosen).toContain(connection);
      expect((await person.get(name)).body.equals(plain)).toBe(true);
    }
  });

  it('wait where there are too few places, and say so; called off, they stay readable as they are', async () => {
    const person = await newClient();
    await wants(person, { data: 2, parity: 1 });
    const plain = randomBytes(5 * CHUNK);
    await person.put('waits', plain);
    await wants(person, { data: 4, parity: 2 });
    const [, , ...away] = places.all;
    await admin.json('PATCH', `/api/cloud/connections/${away[0]!.id}`, { enabled: false });
    const id = await apply(person);
    await expect
      .poll(async () => (await jobOf(person, id)).progress.note)
      .toBe('5 chunks find no places as they are wanted.');
    expect((await person.send(`/api/jobs/${id}`, { method: 'DELETE' })).status).toBe(202);
    await expect.poll(async () => (await jobOf(person, id)).state).toBe('cancelled');
    await admin.json('PATCH', `/api/cloud/connections/${away[0]!.id}`, { enabled: true });
    expect((await person.get('waits')).body.equals(plain)).toBe(true);
    await applied(person);
    await areSound(person, new Map([['waits', plain]]), { data: 4, parity: 2 });
  });

  it('are put together from what is left where pieces are lost, and go elsewhere where a place fails', async () => {
    const person = await newClient();
    await wants(person, { data: 2, parity: 2 }, places.all.slice(0, 4));
    const files = await filesOf(person);
    const [dead] = places.all as [TestPlace];
    const pool = inside(gateway, ConnectionPool);
    const provider = pool.provider.bind(pool);
    vi.spyOn(pool, 'provider').mockImplementation(async (connection, patience) => {
      if (connection === dead.id) throw new ConnectionAway();
      return provider(connection, patience);
    });
    await wants(person, { data: 3, parity: 1 });
    await applied(person);
    vi.restoreAllMocks();
    await areSound(person, files, { data: 3, parity: 1 });
  });

  it('stay as they are where whoever spread them was taken for dead, and comes too late', async () => {
    const person = await newClient();
    await wants(person, { data: 2, parity: 1 });
    const plain = randomBytes(1000);
    await person.put('late', plain);
    await using sql = await intruder(gateway);
    const { rows } = await sql.query<{ account: string; content: string }>(
      `select v.account, v.content from nodes n join versions v on v.account = n.account and v.id = n.head where n.name = 'late'`,
    );
    const put = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    const pool = inside(gateway, ConnectionPool);
    const provider = pool.provider.bind(pool);
    vi.spyOn(pool, 'provider').mockImplementation(async (...of) => {
      const real = await provider(...of);
      const paused: StorageProvider['put'] = async (...blob) => {
        put.resolve();
        await woken.promise;
        return real.put(...blob);
      };
      return { ...real, put: paused };
    });
    const id = { ...rows[0]!, chunk: 0 };
    const signal = new AbortController().signal;
    const late = inside(gateway, SpreadChunk).run(id, { data: 3, parity: 1 }, signal);
    await put.promise;
    await sql.query(`update moves set lease_until = now() - interval '1 second'`);
    expect(await inside(gateway, LapsedMoves).sweep()).toBe(4);
    woken.resolve();
    expect((await late).outcome).toBe('busy');
    vi.restoreAllMocks();
    await areSound(person, new Map([['late', plain]]), { data: 2, parity: 1 });
    await nothingIsLeft();
  });

  it('end as they are wanted by then, where another spread was applied meanwhile', async () => {
    const person = await newClient();
    await wants(person, { data: 1, parity: 0 });
    const files = await filesOf(person);
    const goOn = Promise.withResolvers<void>();
    const pool = inside(gateway, ConnectionPool);
    const provider = pool.provider.bind(pool);
    vi.spyOn(pool, 'provider').mockImplementation(async (connection, patience) => {
      await goOn.promise;
      return provider(connection, patience);
    });
    await wants(person, { data: 2, parity: 1 });
    const id = await apply(person);
    await expect.poll(async () => (await jobOf(person, id)).progress.total).toBe(4);
    await wants(person, { data: 1, parity: 2 });
    expect(await apply(person)).toBe(id);
    goOn.resolve();
    await expect.poll(async () => (await jobOf(person, id)).state, { timeout: 20_000, interval: 30 }).toBe('done');
    vi.restoreAllMocks();
    await areSound(person, files, { data: 1, parity: 2 });
  });

  it('end as they are wanted by then, where another spread was applied when all was done', async () => {
    const person = await newClient();
    await wants(person, { data: 1, parity: 0 });
    const files = await filesOf(person);
    const progress = JobRun.prototype.progress;
    let again: Promise<string> | undefined;
    const another = async (): Promise<string> => {
      await wants(person, { data: 1, parity: 2 });
      return apply(person);
    };
    vi.spyOn(JobRun.prototype, 'progress').mockImplementation(async function (this: JobRun, told) {
      if (again === undefined && 'account' in this.ids && 'note' in told) await (again = another());
      return progress.call(this, told);
    });
    await wants(person, { data: 2, parity: 1 });
    const { id } = await applied(person);
    expect(await again).toBe(id);
    await areSound(person, files, { data: 1, parity: 2 });
  });

  it('are spread by another job, where another spread is applied while the first one ends', async () => {
    const person = await newClient();
    await wants(person, { data: 1, parity: 0 });
    const files = await filesOf(person);
    const again = whileItEnds(gateway, async () => {
      await wants(person, { data: 1, parity: 2 });
      return apply(person);
    });
    await wants(person, { data: 2, parity: 1 });
    const { id } = await applied(person);
    expect(await again).not.toBe(id);
    await expect.poll(async () => (await jobOf(person, await again)).state, { timeout: 20_000 }).toBe('done');
    await areSound(person, files, { data: 1, parity: 2 });
  });

  it('are not left to a spool, when there shall be one of them', async () => {
    await standStill(gateway);
    const person = await newClient();
    await wants(person, { data: 1, parity: 1 });
    const plain = randomBytes(CHUNK + 5);
    await person.put('spooled', plain);
    const account = (await person.send('/api/auth/me')).json<{ id: string }>().id;
    await using sql = await intruder(gateway);
    await sql.query(`update shards set home = $2 where account = $1 and shard = 0`, [account, places.all[0]!.id]);
    await wants(person, { data: 1, parity: 0 });
    await applied(person);
    expect((await sql.query(`select home from shards where account = $1`, [account])).rows).toEqual([
      { home: null },
      { home: null },
    ]);
    await areSound(person, new Map([['spooled', plain]]), { data: 1, parity: 0 });
  });

  it('are not left to a place that is away, when there shall be fewer of them', async () => {
    const person = await newClient();
    await wants(person, { data: 1, parity: 1 });
    const plain = randomBytes(CHUNK + 5);
    await person.put('copies', plain);
    const { chunks } = (await person.placement('copies')).json<PlacementAnswer>();
    const { path, id } = places.of(chunks[0]!.shards[0]!.connection);
    await wants(
      person,
      { data: 1, parity: 0 },
      places.all.filter((place) => place.id !== id),
    );
    await rename(path, `${path}.away`);
    try {
      await applied(person);
      await upkeep(gateway);
      expect((await person.get('copies')).body.equals(plain)).toBe(true);
    } finally {
      await rename(`${path}.away`, path);
    }
  });

  it.each([
    [{ data: 1, parity: 2 }, { data: 1, parity: 0 }, [0]],
    [{ data: 1, parity: 3 }, { data: 1, parity: 1 }, [0, 1]],
    [{ data: 2, parity: 2 }, { data: 2, parity: 1 }, [0, 1]],
    [{ data: 2, parity: 3 }, { data: 2, parity: 2 }, [0, 2, 3]],
  ])(
    'keep nothing that is lost in the place of what is not: from %j to %j without shards %j',
    async (from, to, lost) => {
      await standStill(gateway);
      const person = await newClient();
      await wants(person, from);
      const plain = randomBytes(CHUNK + 5);
      await person.put('weak', plain);
      const account = (await person.send('/api/auth/me')).json<{ id: string }>().id;
      await using sql = await intruder(gateway);
      const { rows } = await sql.query<{ connection: string; name: string }>(
        `update blobs b set fault = 'missing', fault_at = now() from shards s
       where b.account = $1 and s.account = b.account and s.blob = b.id and s.shard = any ($2) returning connection, name`,
        [account, lost],
      );
      expect(rows).toHaveLength(2 * lost.length);
      for (const { connection, name } of rows) await rm((await blobsOnDisk(places.of(connection).path)).get(name)!);
      await wants(person, to);
      await applied(person);
      await upkeep(gateway);
      expect((await person.get('weak')).body.equals(plain)).toBe(true);
      await areSound(person, new Map([['weak', plain]]), to);
    },
  );
});
