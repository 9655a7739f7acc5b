import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ShardDigest } from '#dispersal';
import { ConnectionAway } from '#storage';
import { ConnectionPool, Spreads } from '../src/connections/index.js';
import { LapsedMoves, type Moved, type MoveOptions, type MoveReason, MoveShard } from '../src/upkeep/moving/index.js';
import { Sweep } from '../src/upkeep/index.js';
import { Client } from './support/client.js';
import { createDatabase } from './support/database.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder, standStill } from './support/inside.js';
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
  await standStill(gateway);
  admin = new Client(gateway, await signIn(gateway));
  places = await connectPlaces(admin, 6);
  person = new Client(gateway, (await newPerson(gateway, admin.token, ['user'])).token);
  await person.spread(2, 2, places.all);
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
  digest: Buffer;
}

/** Where the shards of a file's only chunk lie. */
async function shardsOf(path: string): Promise<Lying[]> {
  await using sql = await intruder(gateway);
  const { rows } = await sql.query<Lying>(
    `select s.account, s.content, s.chunk, s.shard, s.blob, b.connection, b.name, b.state, b.fault, s.digest
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
  for (const shard of shards) {
    const digest = new ShardDigest();
    digest.update(await readFile(await fileOf(shard)));
    expect(digest.digest()).toEqual(shard.digest);
  }
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

  it('is copied from where it lies when it is there, and nothing else is read', async () => {
    const plain = await store('copied');
    const shard = (await shardsOf('copied'))[3]!;
    const { outcome, read, written } = await move(shard, 'drain');
    expect([outcome, read]).toEqual(['moved', written]);
    await isSound('copied', plain);
  });

  it('goes where it is told to, or nowhere', async () => {
    await store('told');
    const shards = await shardsOf('told');
    const free = places.all.filter(({ id }) => shards.every(({ connection }) => connection !== id));
    expect((await move(shards[0]!, 'rebalance', { to: free[1]!.id })).outcome).toBe('moved');
    expect((await shardsOf('told'))[0]!.connection).toBe(free[1]!.id);
    expect((await move((await shardsOf('told'))[0]!, 'rebalance', { to: shards[1]!.connection })).outcome).toBe(
      'nowhere',
    );
  });

  it('that stands is not repaired', async () => {
    await store('standing');
    expect(await move((await shardsOf('standing'))[0]!, 'repair')).toMatchObject({ outcome: 'gone', read: 0 });
  });
});

describe('a source that is not what was stored', () => {
  it('never reaches the decoder: another one is asked, and it is named', async () => {
    const plain = await store('liar');
    const [lost, liar] = await shardsOf('liar');
    await rm(await fileOf(lost!));
    await note(lost!.blob, 'missing');
    await writeFile(await fileOf(liar!), randomBytes((await shardLength(liar!)) as number));
    expect((await move(lost!, 'repair')).outcome).toBe('moved');
    expect((await shardsOf('liar')).map(({ fault }) => fault)).toEqual([null, 'damaged', null, null]);
    expect((await move(liar!, 'repair')).outcome).toBe('moved');
    await isSound('liar', plain);
  });

  it('is one too many: nothing is put anywhere, and the next try finds it as it is', async () => {
    await store('liars');
    const [lost, ...others] = await shardsOf('liars');
    await note(lost!.blob, 'missing');
    for (const liar of others.slice(0, 2)) {
      await writeFile(await fileOf(liar), randomBytes((await shardLength(liar)) as number));
    }
    for (let tries = 0; tries < 2; tries += 1) {
      const { outcome, written } = await move(lost!, 'repair');
      expect([outcome, written]).toEqual(['unreadable', 0]);
    }
    expect((await shardsOf('liars')).map(({ fault }) => fault)).toEqual(['missing', 'damaged', 'damaged', null]);
    expect(await rows(`select 1 from moves union all select 1 from blobs where state = 'intended'`)).toEqual([]);
  });

  it('makes nothing that is not the shard itself, whatever the rows say', async () => {
    await store('row');
    const shard = (await shardsOf('row'))[0]!;
    await note(shard.blob, 'missing');
    await rows(`update shards set digest = sha256('another') where blob = '${shard.blob}'`);
    const before = await filesOnDisk();
    expect((await move(shard, 'repair')).outcome).toBe('unreadable');
    expect(await filesOnDisk()).toEqual(before);
  });
});

describe('when two want the same shard', () => {
  it('one moves it, and the other goes away', async () => {
    const plain = await store('two');
    const shard = (await shardsOf('two'))[0]!;
    await note(shard.blob, 'missing');
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => move(shard, 'repair')));
    const said = outcomes.map(({ outcome }) => outcome);
    expect(said.filter((outcome) => outcome === 'moved')).toHaveLength(1);
    expect(said.filter((outcome) => !['moved', 'busy', 'gone'].includes(outcome))).toEqual([]);
    await isSound('two', plain);
  });

  it('two shards of one chunk never choose the same place', async () => {
    const plain = await store('pair');
    const shards = await shardsOf('pair');
    for (const { blob } of shards.slice(0, 2)) await note(blob, 'missing');
    const avoid = new Set(shards.slice(0, 2).map(({ connection }) => connection));
    const moved = await Promise.all(shards.slice(0, 2).map((shard) => move(shard, 'repair', { avoid })));
    expect(moved.map(({ outcome }) => outcome)).toEqual(['moved', 'moved']);
    await isSound('pair', plain);
  });

  it('whoever paused beyond its lease changes nothing when it wakes, neither what was done nor what is under way', async () => {
    const plain = await store('paused');
    const shard = (await shardsOf('paused'))[0]!;
    await note(shard.blob, 'missing');
    const first = holdPuts();
    const paused = move(shard, 'repair');
    await first.held;
    await rows(`update moves set lease_until = now() - interval '1 second'`);
    expect(await inside(gateway, LapsedMoves).sweep()).toBe(1);
    const second = holdPuts();
    const other = move(shard, 'repair');
    await second.held;
    // The first one wakes while the other one is in the middle.
    first.letGo();
    expect((await paused).outcome).toBe('busy');
    expect(await rows('select 1 from moves')).toHaveLength(1);
    expect((await shardsOf('paused'))[0]!.blob).toBe(shard.blob);
    second.letGo();
    expect((await other).outcome).toBe('moved');
    await isSound('paused', plain);
    await clearedAway();
  });

  it('whoever wakes after the other one was done leaves it as it is', async () => {
    const plain = await store('late');
    const shard = (await shardsOf('late'))[0]!;
    await note(shard.blob, 'missing');
    const first = holdPuts();
    const paused = move(shard, 'repair');
    await first.held;
    await rows(`update moves set lease_until = now() - interval '1 second'`);
    await inside(gateway, LapsedMoves).sweep();
    expect((await move(shard, 'repair')).outcome).toBe('moved');
    const after = await shardsOf('late');
    first.letGo();
    expect((await paused).outcome).toBe('busy');
    expect(await shardsOf('late')).toEqual(after);
    await isSound('late', plain);
  });

  it('a shard that came to lie elsewhere behind the back of its move stays there', async () => {
    await store('behind');
    const [shard, other] = await shardsOf('behind');
    const { held, letGo } = holdPuts();
    const moving = move(shard!, 'drain');
    await held;
    await rows(`update shards set blob = '${other!.blob}' where blob = '${shard!.blob}'`);
    letGo();
    expect((await moving).outcome).toBe('busy');
    expect((await shardsOf('behind'))[0]!.blob).toBe(other!.blob);
    await rows(`update shards set blob = '${shard!.blob}' where blob = '${other!.blob}' and shard = 0`);
  });
});

describe('while a shard is moved', () => {
  it('its file is erased: the move ends, and both blobs go', async () => {
    await store('erased');
    const shard = (await shardsOf('erased'))[0]!;
    const { held, letGo } = holdPuts();
    const moving = move(shard, 'drain');
    await held;
    expect((await person.remove('erased')).status).toBe(204);
    expect((await person.send('/api/trash', { method: 'DELETE' })).status).toBeLessThan(300);
    await inside(gateway, Sweep).run();
    expect(await rows('select 1 from moves')).toEqual([]);
    letGo();
    expect((await moving).outcome).toBe('gone');
    await clearedAway();
  });

  it('its account is deleted: nothing of it is left', async () => {
    const { id, token } = await newPerson(gateway, admin.token, ['user']);
    using other = new Client(gateway, token);
    await other.spread(1, 1, places.all);
    expect((await other.put('theirs', randomBytes(5000))).status).toBe(201);
    const { held, letGo } = holdPuts();
    const moving = move((await shardsOf('theirs'))[1]!, 'drain');
    await held;
    expect((await admin.send(`/api/admin/users/${id}`, { method: 'DELETE' })).status).toBe(202);
    letGo();
    expect((await moving).outcome).toBe('gone');
    await vi.waitFor(async () => {
      await clearedAway();
      expect(await rows(`select 1 from blobs where account = '${id}' and state <> 'gone'`)).toEqual([]);
    }, 10_000);
  });

  it('the place that it goes to is removed: it goes to another one', async () => {
    const plain = await store('removed');
    const shard = (await shardsOf('removed'))[0]!;
    const { held, letGo, of } = holdPuts(true);
    const moving = move(shard, 'drain');
    await held;
    await rows(`update blobs set state = 'gone', absent_looks = 2 where state = 'intended'`);
    letGo();
    expect((await moving).outcome).toBe('moved');
    expect((await shardsOf('removed'))[0]!.connection).not.toBe(of());
    await isSound('removed', plain);
  });

  it('that place is removed, and whoever moves wakes long after all was settled there: nothing counts there', async () => {
    const plain = await store('slept');
    const shard = (await shardsOf('slept'))[0]!;
    const { held, letGo, of } = holdPuts();
    const moving = move(shard, 'drain');
    await held;
    const planned = await inside(gateway, Spreads).plan(shard.account);
    const removed = (at: string) => rows(`update connections set removed_at = ${at} where id = '${of()}'`);
    await removed(`now() - interval '1 hour'`);
    try {
      letGo();
      expect((await moving).outcome).toBe('busy');
      expect((await shardsOf('slept'))[0]!.blob).toBe(shard.blob);
      // Nor does anybody begin to move something there who planned with it before.
      vi.spyOn(inside(gateway, Spreads), 'plan').mockResolvedValue(planned);
      expect((await move(shard, 'rebalance', { to: of() })).outcome).toBe('busy');
    } finally {
      await removed('null');
    }
    await isSound('slept', plain);
  });

  it.each(['before', 'after'] as const)('the COMMIT of the swap is lost %s it was carried out', async (when) => {
    const plain = await store(`commit-${when}`);
    const shard = (await shardsOf(`commit-${when}`))[0]!;
    await note(shard.blob, 'missing');
    proxy.cutAt('COMMIT', when, { following: 'swap-move' });
    expect((await move(shard, 'repair')).outcome).toBe('moved');
    expect(proxy.hasCut).toBe(true);
    await isSound(`commit-${when}`, plain);
  });
});

async function shardLength({ blob }: Lying): Promise<unknown> {
  return Number((await rows(`select length from shards where blob = '${blob}'`))[0]!['length']);
}

async function filesOnDisk(): Promise<string[]> {
  const found = await Promise.all(places.all.map(({ path }) => blobsOnDisk(path)));
  return found.flatMap((blobs) => [...blobs.keys()]).sort();
}

/** What was condemned is deleted, and every file on disk is a live blob. */
async function clearedAway(): Promise<void> {
  await inside(gateway, Sweep).run();
  expect(
    await rows(`select 1 from moves union all select 1 from blobs where state in ('intended', 'condemned')`),
  ).toEqual([]);
  const live = new Set((await rows(`select name from blobs where state = 'live'`)).map(({ name }) => name));
  expect((await filesOnDisk()).filter((name) => !live.has(name))).toEqual([]);
}

/** The next put stores its bytes, and is held before it says so; or fails instead, when it is let go. */
function holdPuts(failure = false): { held: Promise<void>; letGo(): void; of(): string } {
  const pool = inside(gateway, ConnectionPool);
  const real = pool.provider.bind(pool);
  const held = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  let connection = '';
  const spy = vi.spyOn(pool, 'provider').mockImplementation(async (id, patience) => {
    const provider = await real(id, patience);
    const put: typeof provider.put = async (name, body, options) => {
      spy.mockRestore();
      connection = id;
      if (failure) {
        held.resolve();
        await gate.promise;
        throw new ConnectionAway();
      }
      const proof = await provider.put(name, body, options);
      held.resolve();
      await gate.promise;
      return proof;
    };
    return { ...provider, put };
  });
  return { held: held.promise, letGo: gate.resolve, of: () => connection };
}
