import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Job, Leaving, Placement } from '#contracts';
import { ConnectionPool } from '../src/connections/index.js';
import { PoolWatch } from '../src/connections/pool-watch.js';
import { Worker } from '../src/jobs/index.js';
import { Sweep } from '../src/upkeep/index.js';
import { Client, type Received } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder, upkeep } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';

const CHUNK = 64 * 1024;

let gateway: TestGateway;
let folder: string;
let admin: Client;
let user: Client;
let nth = 0;
beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK), TESSERA_BYTE_BUDGET: '1MiB' } });
  folder = await mkdtemp(join(tmpdir(), 'tessera-leaving-'));
  const token = await signIn(gateway);
  admin = new Client(gateway, token);
  user = new Client(gateway, (await newPerson(gateway, token, ['user'])).token);
});
afterAll(async () => {
  admin?.[Symbol.dispose]();
  user?.[Symbol.dispose]();
  await gateway?.stop();
  await rm(folder, { recursive: true, force: true });
});

let place: string;
let id: string;
/** Each test begins with a connection of the first account's own, on which all that it stores comes to lie. */
beforeEach(async () => {
  ({ place, id } = await connect());
  await choose([id]);
});

async function connect(house = false, domain?: string): Promise<{ place: string; id: string }> {
  const path = await mkdtemp(join(folder, `place-${nth++}-`));
  const made = await admin.json('POST', '/api/cloud/connections/local', { label: `place ${nth}`, path, house, domain });
  expect(made.status).toBe(201);
  return { place: path, id: made.json<{ id: string }>().id };
}

async function choose(connections: string[] | null): Promise<void> {
  await admin.spread(1, 0, connections);
}

const remove = (client: Client, query = '', connection = id) =>
  client.send(`/api/cloud/connections/${connection}${query}`, { method: 'DELETE' });
const look = async (client: Client, connection = id) =>
  (await client.send(`/api/cloud/connections/${connection}/leaving`)).json<Leaving>();
const query = async (text: string, values: unknown[] = []) => {
  await using database = await intruder(gateway);
  return (await database.query<Record<string, unknown>>(text, values)).rows;
};

async function settled(client = admin): Promise<Job> {
  for (;;) {
    // What waits for uploads of other gateways has nothing to wait for here.
    await query(`update connections set removed_at = removed_at - interval '1 hour' where removed_at is not null`);
    await query(`update jobs set next_at = now() - interval '1 minute' where state = 'waiting'`);
    await inside(gateway, Worker).recover();
    const { items } = (await client.send('/api/jobs')).json<{ items: Job[] }>();
    const job = items.find(({ kind }) => kind === 'settle-removed-connection');
    if (job?.state === 'done') return job;
    await pause(10);
  }
}

describe('a connection on which files lie', () => {
  it('says what would become unreadable, and stays', async () => {
    await admin.put('1/plan', randomBytes(3 * CHUNK));
    await admin.put('1/old', randomBytes(1000));
    await admin.put('1/old', randomBytes(2000));
    await admin.put('1/gone/deep', randomBytes(10));
    await admin.remove('1/gone');
    await choose(null);
    const leaving = await look(admin);
    expect(leaving).toMatchObject({
      empty: false,
      unreadable: { files: 3, bytes: 3 * CHUNK + 3010 },
      degraded: { files: 0, bytes: 0 },
      blobs: 6,
      accounts: 1,
      chosen: false,
    });
    const examples = leaving.examples.map(({ path, inTrash }) => `${path}${inTrash ? ' in the trash' : ''}`);
    expect(examples.sort((a, b) => (a < b ? -1 : 1))).toEqual(['1/gone/deep in the trash', '1/old', '1/plan']);
    const refused = await remove(admin);
    expect([refused.status, refused.type]).toEqual([409, 'connection-in-use']);
    expect(refused.json()).toMatchObject({ leaving: { unreadable: leaving.unreadable }, advice: expect.any(String) });
    expect((await admin.get('1/plan')).status).toBe(200);
    await expect(remove(admin, '?force=perhaps')).resolves.toMatchObject({ status: 422 });
  });

  it('says that what lies there as the last good copy would become unreadable', async () => {
    const { id: other } = await connect(false, 'another');
    await admin.spread(1, 1, [id, other]);
    await admin.put('1b/twice', randomBytes(100));
    expect(await look(admin)).toMatchObject({ unreadable: { files: 0 }, degraded: { files: 1 } });
    await query(`update connections set given_up_at = now(), given_up_by = id where id = $1`, [other]);
    expect(await look(admin)).toMatchObject({ unreadable: { files: 1 }, degraded: { files: 0 } });
    await query(`update connections set given_up_at = null, given_up_by = null where id = $1`, [other]);
    await query(`update blobs set fault = 'missing', fault_at = now() where connection = $1`, [other]);
    expect(await look(admin)).toMatchObject({ unreadable: { files: 1 }, degraded: { files: 0 } });
  });

  it('stays, whoever wants it, while immutable files lie there alone; not when it has been away for good', async () => {
    await admin.put('1c/originals/photo', randomBytes(100));
    await admin.put('1c/elsewhere', randomBytes(100));
    const until = new Date(Date.now() + 3_600_000).toISOString();
    expect((await admin.json('PUT', '/api/immutable/1c/originals', { until })).status).toBe(200);
    const refused = await remove(admin, '?force=true');
    expect([refused.status, refused.type]).toEqual([409, 'immutable']);
    expect((await admin.get('1c/originals/photo')).status).toBe(200);
    await query(`update connections set given_up_at = now(), given_up_by = id where id = $1`, [id]);
    expect((await remove(admin, '?force=true')).type).toBe('immutable');
    await query(`update connections set given_up_by = null where id = $1`, [id]);
    expect((await remove(admin, '?force=true')).status).toBe(204);
    await settled();
  });

  it('goes by force with immutable files of which enough lies elsewhere', async () => {
    const { id: other } = await connect(false, 'yet another');
    const spread = { data: 1, parity: 1, connections: [id, other] };
    expect((await admin.json('PATCH', '/api/users/me/default-storage', spread)).status).toBe(200);
    await admin.put('1d/originals/photo', randomBytes(100));
    const until = new Date(Date.now() + 3_600_000).toISOString();
    expect((await admin.json('PUT', '/api/immutable/1d/originals', { until })).status).toBe(200);
    await choose([other]);
    expect((await remove(admin, '?force=true')).status).toBe(204);
    await settled();
    expect((await remove(admin, '?force=true', other)).type).toBe('immutable');
    expect((await admin.get('1d/originals/photo')).status).toBe(200);
  });

  it('goes by force, and what lay only there says so from then on', async () => {
    const bytes = randomBytes(2 * CHUNK);
    await admin.put('2/lost', bytes);
    const usage = `select coalesce(sum(size), 0)::text as sum from contents where state = 'published'`;
    const [before] = await query(usage);
    expect((await remove(admin, '?force=true')).status).toBe(204);
    await check();
    await settled();
    await check();
    await upkeep(gateway);
    await query(`update blobs set looked_at = looked_at - interval '1 year' where state = 'gone'`);
    for (let round = 0; round < 3; round++) await inside(gateway, Sweep).run();
    await check();
    expect(await query(usage)).toEqual([before]);
    const entry = (await admin.tree('2/lost')).json<{ id: string }>();
    expect((await admin.remove('2/lost')).status).toBe(204);
    expect((await admin.restore(entry.id)).status).toBe(200);

    async function check(): Promise<void> {
      expect(type(await admin.get('2/lost'))).toEqual([502, 'content-damaged']);
      const placement = (await admin.placement('2/lost')).json<Placement>();
      expect(placement.chunks.map(({ shards }) => shards.map(({ connection, state }) => [connection, state]))).toEqual([
        [[id, 'missing']],
        [[id, 'missing']],
      ]);
      expect((await admin.send(`/api/cloud/connections/${id}`)).status).toBe(404);
    }
  });

  it('leaves nothing in its row that opens it, and what lies there is left alone', async () => {
    await admin.put('3/lost', randomBytes(100));
    const blobs = await blobsOnDisk(place);
    await remove(admin, '?force=true');
    await settled();
    const rows = await query(
      'select settings, credentials, credential_key, credential_epoch from connections where id = $1',
      [id],
    );
    expect(rows).toEqual([{ settings: {}, credentials: null, credential_key: null, credential_epoch: null }]);
    expect(await blobsOnDisk(place)).toEqual(blobs);
    expect(blobs.size).toBe(1);
    const audit = await query(
      `select details from (select action, subject, details from audit_inbox
       union all select action, subject, details from audit_chain) r where action = 'connection.removed' and subject = $1`,
      [id],
    );
    expect(JSON.parse(audit[0]!['details'] as string)).toEqual({
      provider: 'local',
      house: false,
      unreadable: { files: 1, bytes: 100 },
      degraded: { files: 0, bytes: 0 },
    });
  });

  it('is not asked for new files any more, until another is chosen', async () => {
    await remove(admin, '?force=true');
    expect(type(await admin.put('4/new', 'x'))).toEqual([422, 'spread-unmet']);
    await choose(null);
    expect((await admin.put('4/new', 'x')).status).toBe(201);
  });
});

describe('a connection that holds a copy of what lies elsewhere, too', () => {
  it('goes by force, and every file is read from there', async () => {
    const [one, two] = [await connect(false, 'here'), await connect(false, 'there')];
    await admin.spread(1, 1, [one.id, two.id]);
    const bytes = randomBytes(2 * CHUNK);
    expect((await admin.put('9/mirrored', bytes)).status).toBe(201);
    const leaving = await look(admin, one.id);
    expect(leaving).toMatchObject({ unreadable: { files: 0 }, degraded: { files: 1, bytes: 2 * CHUNK }, chosen: true });
    expect(type(await remove(admin, '', one.id))).toEqual([409, 'connection-in-use']);
    expect((await remove(admin, '?force=true', one.id)).status).toBe(204);
    const read = async () => (await admin.get('9/mirrored')).body.equals(bytes);
    expect(await read()).toBe(true);
    await settled();
    expect(await read()).toBe(true);
    expect(await look(admin, two.id)).toMatchObject({ unreadable: { files: 1, bytes: 2 * CHUNK } });
    await choose(null);
  });
});

describe('an upload that is under way', () => {
  it('ends with a word to send it again, and leaves nothing', async () => {
    const goOn = Promise.withResolvers<void>();
    async function* body(): AsyncGenerator<Buffer> {
      yield randomBytes(3 * CHUNK);
      await goOn.promise;
      yield randomBytes(2 * CHUNK);
    }
    const answer = admin.put('5/upload', body());
    while ((await blobsOnDisk(place)).size < 2) await pause(5);
    await remove(admin, '?force=true');
    await choose(null);
    await settled();
    goOn.resolve();
    expect(type(await answer)).toEqual([503, 'unavailable']);
    await inside(gateway, Sweep).run();
    await settled();
    await inside(gateway, Sweep).run();
    expect(await query(`select state from contents where state <> 'published'`)).toEqual([]);
    expect(await query(`select state from blobs where connection = $1`, [id])).toEqual([]);
  });
});

describe('a connection on which nothing lies', () => {
  it('goes at once, with our folder, and what was deleted there', async () => {
    await admin.put('6/file', 'bytes');
    expect(await look(admin)).toMatchObject({ empty: false });
    // As if the file had been deleted for good.
    await query(`update blobs set state = 'condemned', condemned_at = now() where connection = $1`, [id]);
    expect(await look(admin)).toMatchObject({ empty: true, chosen: true, examples: [] });
    expect((await remove(admin)).status).toBe(204);
    expect(await readdir(place)).toEqual([]);
    expect((await remove(admin)).status).toBe(404);
    await choose(null);
  });

  it('goes although its place is not there', async () => {
    await rm(place, { recursive: true });
    expect((await remove(admin)).status).toBe(204);
    await choose(null);
  });
});

describe('a connection of the house', () => {
  it('is the admins’ to remove; they see counts, and nobody’s names', async () => {
    const house = await connect(true);
    await choose([house.id]);
    await admin.put('7/mine', randomBytes(50));
    await choose(null);
    const leaving = await look(admin, house.id);
    expect(leaving).toMatchObject({ unreadable: { files: 1, bytes: 50 }, accounts: 1, examples: [] });
    expect(type(await remove(user, '?force=true', house.id))).toEqual([403, 'forbidden']);
    expect((await user.send(`/api/cloud/connections/${house.id}/leaving`)).status).toBe(403);
    expect((await remove(admin, '?force=true', house.id)).status).toBe(204);
    expect((await user.send('/api/jobs')).json<{ items: Job[] }>().items).toEqual([]);
  });

  it('that is somebody else’s own is not there', async () => {
    expect((await remove(user, '?force=true')).status).toBe(404);
    expect((await user.send(`/api/cloud/connections/${id}/leaving`)).status).toBe(404);
    await choose(null);
  });
});

describe('another gateway', () => {
  it('lets go of what it has open there, though it never uses it again', async () => {
    await admin.put('8/file', randomBytes(10));
    const other = await startGateway({
      dataFolder: gateway.dataFolder,
      environment: { DATABASE_URL: gateway.databaseUrl, TESSERA_BYTE_BUDGET: '32MiB' },
    });
    try {
      using there = new Client(other, admin.token);
      expect((await there.get('8/file')).status).toBe(200);
      const pool = inside(other, ConnectionPool);
      expect([...pool.generations.keys()]).toContain(id);
      await remove(admin, '?force=true');
      await inside(other, PoolWatch).look();
      expect([...pool.generations.keys()]).not.toContain(id);
      expect(type(await there.get('8/file'))).toEqual([502, 'content-damaged']);
    } finally {
      await other.stop();
      await choose(null);
    }
  });
});

const type = ({ status, type: problem }: Received) => [status, problem];
