import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ConnectionHealth } from '../src/connections/index.js';
import { UpkeepOfHomes } from '../src/upkeep/homes/upkeep-of-homes.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder, upkeep, vaultOf } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';
import { connectPlaces, type TestPlaces } from './support/places.js';

const CHUNK = 256 * 1024;

let gateway: TestGateway;
let admin: Client;
let places: TestPlaces;
let spool: string;
let connections: string[];
const clients: Client[] = [];

beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK) } });
  admin = new Client(gateway, await signIn(gateway));
  clients.push(admin);
  const all = await admin.send('/api/cloud/connections');
  spool = all.json<{ items: { id: string }[] }>().items[0]!.id;
  places = await connectPlaces(admin, 3);
  connections = places.all.map(({ id }) => id);
});
afterAll(async () => {
  for (const client of clients) client[Symbol.dispose]();
  await gateway?.stop();
  await places?.[Symbol.asyncDispose]();
});

const back: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const undo of back.splice(0)) await undo();
});

async function goesAway(place: string): Promise<void> {
  await rename(place, `${place}.away`);
  back.push(() => rename(`${place}.away`, place));
}

async function becomesFull(connection: string): Promise<void> {
  const limit = (maxBytes: number | null) =>
    admin.json('PATCH', `/api/cloud/connections/${connection}`, { limits: { maxBytes } });
  expect((await limit(0)).status).toBe(200);
  back.push(async () => void (await limit(null)));
}

async function personWith(data: number, parity: number): Promise<Client> {
  const person = new Client(gateway, (await newPerson(gateway, admin.token, ['user'])).token);
  clients.push(person);
  await person.spread(data, parity, connections.slice(0, data + parity));
  return person;
}

interface PlacementAnswer {
  survives: number;
  chunks: { shards: { index: number; connection: string; state: string }[] }[];
}
const placementOf = async (client: Client, path: string) => (await client.placement(path)).json<PlacementAnswer>();

describe('a shard whose place is away', () => {
  it('waits in the spool, one of each chunk, and the file is as safe as ever', async () => {
    const person = await personWith(2, 1);
    const plain = randomBytes(3 * CHUNK + 1);
    await goesAway(places.all[1]!.path);
    expect((await person.put('waits', plain)).status).toBe(201);
    const { chunks, survives } = await placementOf(person, 'waits');
    expect([chunks.length, survives]).toEqual([4, 1]);
    for (const { shards } of chunks) {
      const waiting = shards.filter(({ state }) => state === 'spooled');
      expect([waiting.map(({ connection }) => connection), shards.length]).toEqual([[spool], 3]);
    }
    await using database = await intruder(gateway);
    const { rows } = await database.query(`select distinct home from shards where home is not null`);
    expect(rows).toEqual([{ home: connections[1] }]);
    expect((await person.get('waits')).body.equals(plain)).toBe(true);
  });

  it('waits there with no second one of its chunk: the upload is refused, and nothing is left behind', async () => {
    const person = await personWith(2, 1);
    const before = new Set((await blobsOnDisk(vaultOf(gateway))).keys());
    await becomesFull(connections[0]!);
    await becomesFull(connections[2]!);
    const answer = await person.put('refused', randomBytes(CHUNK));
    expect([answer.status, answer.type]).toEqual([507, 'storage-full']);
    await upkeep(gateway);
    expect(new Set((await blobsOnDisk(vaultOf(gateway))).keys())).toEqual(before);
  });

  it('waits there only where parity stands by', async () => {
    const person = await personWith(2, 0);
    await becomesFull(connections[0]!);
    expect((await person.put('refused', randomBytes(CHUNK))).status).toBe(507);
  });

  it('does not wait beside the database where other gateways run, unless they are said to read it', async () => {
    const person = await personWith(1, 1);
    await becomesFull(connections[0]!);
    await using database = await intruder(gateway);
    await database.query(
      `insert into gateways (id, alive_until) values (gen_random_uuid(), now() + interval '1 hour')`,
    );
    try {
      await expect.poll(async () => (await person.put('alone', randomBytes(10))).status, { timeout: 10_000 }).toBe(507);
      const marked = await admin.json('PATCH', `/api/cloud/connections/${spool}`, { spool: true });
      expect([marked.status, marked.json()['spool']]).toEqual([200, true]);
      expect((await person.put('alone', randomBytes(10))).status).toBe(201);
    } finally {
      await database.query(`delete from gateways where alive_until > now() + interval '30 minutes'`);
      await admin.json('PATCH', `/api/cloud/connections/${spool}`, { spool: false });
    }
  });

  it('is not published beside a second one in the spool, whatever went wrong above', async () => {
    const person = await personWith(1, 2);
    await using database = await intruder(gateway);
    await database.query(`
      create function spool_all() returns trigger language plpgsql as $$ begin new.home := new.blob; return new; end $$`);
    await database.query(`create trigger spool_all before insert on shards for each row execute function spool_all()`);
    try {
      expect((await person.put('doubtful', randomBytes(100))).status).toBe(503);
      expect((await person.get('doubtful')).status).toBe(404);
    } finally {
      await database.query(`drop function spool_all cascade`);
    }
  });
});

describe('what waits in the spool', () => {
  const states = async (client: Client, path: string) => {
    const { chunks } = await placementOf(client, path);
    return chunks.flatMap(({ shards }) => shards).filter(({ state }) => state !== 'live');
  };
  const look = () => inside(gateway, UpkeepOfHomes).run();

  it('comes home when its place is steady again', async () => {
    const person = await personWith(2, 1);
    const plain = randomBytes(3 * CHUNK);
    await becomesFull(connections[1]!);
    expect((await person.put('returns', plain)).status).toBe(201);
    expect((await states(person, 'returns')).length).toBe(3);
    for (const undo of back.splice(0)) await undo();
    // The time for which a gateway passes over what was full.
    expect(inside(gateway, ConnectionHealth).shunned(connections[1]!)).toBe('full');
    vi.spyOn(inside(gateway, ConnectionHealth), 'shunned').mockReturnValue(null);
    await look();
    await expect.poll(() => states(person, 'returns'), { timeout: 10_000 }).toEqual([]);
    const { chunks, survives } = await placementOf(person, 'returns');
    expect(survives).toBe(1);
    for (const { shards } of chunks) expect(shards.map((shard) => shard.connection)).toContain(connections[1]);
    await upkeep(gateway);
    expect((await person.get('returns')).body.equals(plain)).toBe(true);
  });

  it('goes to any other place after a day', async () => {
    const person = await personWith(1, 1);
    await becomesFull(connections[1]!);
    expect((await person.put('overdue', randomBytes(CHUNK))).status).toBe(201);
    await person.spread(1, 1, connections);
    await look();
    expect((await states(person, 'overdue')).map(({ state }) => state)).toEqual(['spooled']);
    await using database = await intruder(gateway);
    await database.query(`update contents set ended_at = now() - interval '25 hours' where id in (
      select content from shards where home is not null)`);
    await look();
    await expect.poll(() => states(person, 'overdue'), { timeout: 10_000 }).toEqual([]);
    const [chunk] = (await placementOf(person, 'overdue')).chunks;
    expect(new Set(chunk!.shards.map((shard) => shard.connection))).toEqual(new Set([connections[0], connections[2]]));
  });
});

describe('only a vault of the house', () => {
  it('is a spool', async () => {
    const person = await personWith(1, 0);
    expect((await person.json('PATCH', `/api/cloud/connections/${spool}`, { spool: true })).status).toBe(403);
  });
});
