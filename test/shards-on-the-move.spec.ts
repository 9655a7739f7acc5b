import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Moved, type MoveOptions, type MoveReason, MoveShard } from '../src/upkeep/moving/index.js';
import { UpkeepRounds } from '../src/upkeep/index.js';
import { Client } from './support/client.js';
import { createDatabase } from './support/database.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';
import { connectPlaces, type TestPlaces } from './support/places.js';
import { type PostgresProxy, startPostgresProxy } from './support/postgres-proxy.js';

const CHUNK = 256 * 1024;

let database: Awaited<ReturnType<typeof createDatabase>>;
let proxy: PostgresProxy;
let gateway: TestGateway;
let admin: Client;
let person: Client;
let places: TestPlaces;

beforeAll(async () => {
  database = await createDatabase();
  proxy = await startPostgresProxy(database.url);
  const environment = { TESSERA_CHUNK_BYTES: String(CHUNK), DATABASE_URL: proxy.url };
  gateway = { ...(await startGateway({ environment })), databaseUrl: database.url };
  // Whoever moves here is asked by the test, and by nobody else.
  await inside(gateway, UpkeepRounds).onApplicationShutdown();
  admin = new Client(gateway, await signIn(gateway));
  places = await connectPlaces(admin, 6);
  person = new Client(gateway, (await newPerson(gateway, admin.token, ['user'])).token);
  const spread = { data: 2, parity: 2, connections: places.all.map(({ id }) => id) };
  expect((await person.json('PATCH', '/api/users/me/default-storage', spread)).status).toBe(200);
});
afterAll(async () => {
  for (const client of [admin, person]) client?.[Symbol.dispose]();
  await gateway?.stop();
  await proxy?.stop();
  await database?.drop();
  await places?.[Symbol.asyncDispose]();
});
afterEach(() => void vi.restoreAllMocks());

interface Lying {
  account: string;
  content: string;
  chunk: number;
  shard: number;
  blob: string;
  connection: string;
  name: string;
  state: string;
  fault: string | null;
}

/** Where the shards of a file's only chunk lie. */
async function shardsOf(path: string): Promise<Lying[]> {
  await using sql = await intruder(gateway);
  const { rows } = await sql.query<Lying>(
    `select s.account, s.content, s.chunk, s.shard, s.blob, b.connection, b.name, b.state, b.fault
     from nodes n join versions v on v.account = n.account and v.id = n.head
     join shards s on s.account = v.account and s.content = v.content
     join blobs b on b.account = s.account and b.id = s.blob where n.name = $1 order by s.chunk, s.shard`,
    [path],
  );
  return rows;
}

const fileOf = async ({ connection, name }: Lying): Promise<string> =>
  (await blobsOnDisk(places.of(connection).path)).get(name)!;

async function rows(text: string): Promise<Record<string, unknown>[]> {
  await using sql = await intruder(gateway);
  return (await sql.query<Record<string, unknown>>(text)).rows;
}

const note = (blob: string, fault: string) =>
  rows(`update blobs set fault = '${fault}', fault_at = now() where id = '${blob}'`);

const never = new AbortController().signal;
const move = (shard: Lying, why: MoveReason, options: Partial<MoveOptions> = {}): Promise<Moved> =>
  inside(gateway, MoveShard).run(shard, why, { signal: never, ...options });

/** Whether it is as it was stored, in four domains, and nothing else is left, on disk or in rows. */
async function isSound(path: string, plain: Buffer): Promise<void> {
  expect((await person.get(path)).body.equals(plain)).toBe(true);
  const shards = await shardsOf(path);
  expect(shards.map(({ state, fault }) => [state, fault])).toEqual(Array(shards.length).fill(['live', null]));
  expect(new Set(shards.map(({ connection }) => connection)).size).toBe(4);
  // Each shard by itself, since a read asks for no more than it needs.
  for (const shard of shards) expect((await move(shard, 'drain')).outcome).toBe('moved');
  expect((await person.get(path)).body.equals(plain)).toBe(true);
  expect(await rows('select 1 from moves')).toEqual([]);
  expect(await rows(`select 1 from blobs where state = 'intended'`)).toEqual([]);
}

async function store(path: string): Promise<Buffer> {
  const plain = randomBytes(200_000);
  expect((await person.put(path, plain)).status).toBe(201);
  return plain;
}

describe('a shard', () => {
  it.each(['missing', 'damaged'])('that is %s is made of others, and lies elsewhere', async (fault) => {
    const plain = await store(fault);
    const shard = (await shardsOf(fault))[0]!;
    if (fault === 'missing') await rm(await fileOf(shard));
    else await writeFile(await fileOf(shard), randomBytes(100_000));
    await note(shard.blob, fault);
    const { outcome, read, written } = await move(shard, 'repair', { avoid: new Set([shard.connection]) });
    expect([outcome, read, written]).toEqual(['moved', 2 * written, written]);
    const after = (await shardsOf(fault))[0]!;
    expect(after.connection).not.toBe(shard.connection);
    expect(await rows(`select state from blobs where id = '${shard.blob}'`)).toEqual([{ state: 'condemned' }]);
    await isSound(fault, plain);
  });
});
