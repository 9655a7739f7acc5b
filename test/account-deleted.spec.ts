import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Job } from '#contracts';
import { ReadRecord } from '../src/audit/index.js';
import { RunJobs, Worker } from '../src/jobs/index.js';
import { AccountKeyring, KeyDestroyed } from '../src/keys/index.js';
import { DestroyedKeys } from '../src/keys/destroyed-keys.js';
import { Sweep } from '../src/upkeep/index.js';
import { Client, type Received } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder } from './support/inside.js';
import { call, newPerson, PASSWORD, type Person, signIn } from './support/people.js';

const CHUNK = 64 * 1024;
const ENVIRONMENT = { TESSERA_CHUNK_BYTES: String(CHUNK), TESSERA_BYTE_BUDGET: '1MiB' };

let gateway: TestGateway;
let folder: string;
let admin: Client;
let nth = 0;
beforeAll(async () => {
  gateway = await startGateway({ environment: ENVIRONMENT });
  folder = await mkdtemp(join(tmpdir(), 'tessera-deleted-'));
  admin = new Client(gateway, await signIn(gateway));
  expect((await admin.put('kept', 'the admin’s own')).status).toBe(201);
});
afterAll(async () => {
  admin?.[Symbol.dispose]();
  await gateway?.stop();
  await rm(folder, { recursive: true, force: true });
});

let person: Person;
let client: Client;
let place: string;
let connection: string;
/** Somebody with files on a place of their own and on the house's, with versions and with things in the trash. */
beforeEach(async () => {
  person = await newPerson(gateway, admin.token, ['user', 'admin']);
  client = new Client(gateway, person.token);
  place = join(folder, `place-${nth++}`);
  await client.put('house/one', randomBytes(3 * CHUNK));
  await mkdir(place);
  const made = await client.json('POST', '/api/cloud/connections/local', { label: 'mine', path: place });
  connection = made.json<{ id: string }>().id;
  await client.json('PATCH', '/api/users/me/default-storage', { data: 1, parity: 0, connections: [connection] });
  await client.put('own/two', randomBytes(2 * CHUNK + 5));
  await client.put('own/two', randomBytes(100));
  await client.put('own/empty', '');
  await client.put('gone/three', randomBytes(10));
  await client.remove('gone');
  return () => client[Symbol.dispose]();
});

const remove = (id = person.id, query = '') => admin.send(`/api/admin/users/${id}${query}`, { method: 'DELETE' });
const jobOf = (answer: Received) => answer.json<{ job: Job }>().job;
const look = async (job: Job) => (await admin.send(`/api/jobs/${job.id}`)).json<Job>();
const query = async (text: string, values: unknown[] = []) => {
  await using database = await intruder(gateway);
  return (await database.query<Record<string, unknown>>(text, values)).rows;
};

/** What is put off is due now, until the job is as it should be. */
async function reaches(job: Job, wanted: (job: Job) => boolean): Promise<Job> {
  for (;;) {
    const now = await look(job);
    if (wanted(now)) return now;
    await query(`update jobs set next_at = now() - interval '1 minute' where state = 'waiting'`);
    await inside(gateway, Worker).recover();
    await pause(20);
  }
}
const done = ({ state }: Job) => state === 'done';
const waits = ({ state, error }: Job) => state === 'waiting' && error !== null;

/** Tables that may still name the account: the record, and rows that say that something is gone. */
const MAY_NAME = new Set(['accounts', 'account_keys', 'connections', 'purges', 'purge_places', 'jobs']);

async function tablesWithRows(account: string): Promise<string[]> {
  const tables = await query(
    `select table_name as name from information_schema.columns c join pg_class k on k.relname = c.table_name
     where column_name = 'account' and table_schema = 'public' and k.relkind in ('r', 'p') and not k.relispartition`,
  );
  const found: string[] = [];
  for (const { name } of tables as { name: string }[]) {
    if (MAY_NAME.has(name) || name.startsWith('audit_')) continue;
    const rows = await query(`select 1 from ${name} where account = $1 limit 1`, [account]);
    if (rows.length > 0) found.push(name);
  }
  return found;
}

/** The tombstones of blobs on the house's connections come of age, and are forgotten. */
async function timePasses(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await inside(gateway, Sweep).run();
    await query(`update blobs set looked_at = looked_at - interval '1 year' where state = 'gone'`);
  }
  await inside(gateway, Sweep).run();
}

async function recordOf(account: string, action: string): Promise<{ details: Record<string, unknown> }[]> {
  const { items } = await inside(gateway, ReadRecord).list({ account, action, order: 'newest', limit: 10 } as never);
  return items as { details: Record<string, unknown> }[];
}

describe('deleting an account', () => {
  it('takes every way in and every key at once', async () => {
    const app = await call(gateway, '/api/auth/app-passwords', { token: person.token, body: { label: 'program' } });
    const { username, password } = app.json<{ username: string; password: string }>();
    const answer = await remove();
    expect(answer.status).toBe(202);
    expect(jobOf(answer)).toMatchObject({ kind: 'purge-account', error: null });
    expect((await client.get('own/two')).status).toBe(401);
    const basic = { Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
    expect((await call(gateway, '/api/tree/', { headers: basic })).status).toBe(401);
    await expect(signIn(gateway, { email: person.email, password: PASSWORD })).rejects.toThrow('401');
    const keys = await query('select wrapped, destroyed_at is not null as gone from account_keys where account = $1', [
      person.id,
    ]);
    expect(keys).toEqual([{ wrapped: null, gone: true }]);
    expect(await query('select 1 from contents where account = $1 and wrapped_key is not null', [person.id])).toEqual(
      [],
    );
    expect((await recordOf(person.id, 'account.deleted'))[0]!.details).toEqual({ connections: 1, contents: 5 });
    await reaches(jobOf(answer), done);
  });

  it('leaves nothing: no blob, no folder, no name, no credential; and nobody else loses anything', async () => {
    const before = await blobsOnDisk(join(gateway.dataFolder, 'vault'));
    expect((await client.json('POST', '/api/links', { path: 'own/two' })).status).toBe(201);
    const name = `path ${Buffer.from('own/begun').toString('base64')}`;
    const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Length': '100', 'Upload-Metadata': name };
    expect((await client.send('/api/uploads', { method: 'POST', headers })).status).toBe(201);
    expect(await tablesWithRows(person.id)).toEqual(expect.arrayContaining(['share_links', 'uploads', 'changes']));
    expect((await blobsOnDisk(place)).size).toBe(5);
    const job = await reaches(jobOf(await remove()), done);
    expect(job).toMatchObject({ progress: { done: 8, total: 8, note: null }, error: null });
    expect(await readdir(place)).toEqual([]);
    expect((await blobsOnDisk(join(gateway.dataFolder, 'vault'))).size).toBe(before.size - 3);
    expect((await admin.get('kept')).body.toString()).toBe('the admin’s own');
    await timePasses();
    expect(await tablesWithRows(person.id)).toEqual([]);
    const rows = await query(
      'select removed_at is null as there, credentials, credential_key, settings from connections where account = $1',
      [person.id],
    );
    expect(rows).toEqual([{ there: false, credentials: null, credential_key: null, settings: {} }]);
    const [account] = await query('select email, email_key, password_hash from accounts where id = $1', [person.id]);
    expect(account).toEqual({ email: 'deleted', email_key: person.id, password_hash: null });
    expect((await recordOf(person.id, 'cloud.credentials_purged')).map(({ details }) => details)).toEqual([
      { providers: ['local'], consents: { none: 1 }, unreached: [], houseUnreached: [] },
    ]);
    expect(await inside(gateway, ReadRecord).verify()).toMatchObject({ ok: true });
  });

  it('answers the same job when it is asked again, and that there is no such account when it is over', async () => {
    const [first, second] = [await remove(), await remove()];
    expect([second.status, jobOf(second).id]).toEqual([202, jobOf(first).id]);
    await reaches(jobOf(first), done);
    expect((await remove()).status).toBe(404);
    expect((await admin.send(`/api/admin/users/${person.id}`)).status).toBe(404);
    const body = { email: person.email, password: PASSWORD, roles: ['user'] };
    expect((await call(gateway, '/api/admin/users', { token: admin.token, body })).status).toBe(201);
  });

  it('goes well however often its job is delivered', async () => {
    const job = jobOf(await remove());
    const runs = inside(gateway, RunJobs);
    for (let time = 0; time < 3; time++) await runs.deliver(job.id).catch(() => {});
    await reaches(job, done);
    for (let time = 0; time < 3; time++) await runs.deliver(job.id);
    expect(await recordOf(person.id, 'cloud.credentials_purged')).toHaveLength(1);
  });

  it('is refused for oneself, for the last admin, and for nobody', async () => {
    const { id } = (await admin.send('/api/auth/me')).json<{ id: string }>();
    const own = await admin.send(`/api/admin/users/${id}`, { method: 'DELETE' });
    expect([own.status, own.type]).toEqual([409, 'conflict']);
    expect((await remove('01890000-0000-7000-8000-000000000000')).status).toBe(404);
    using user = new Client(gateway, (await newPerson(gateway, admin.token, ['user'])).token);
    expect((await user.send(`/api/admin/users/${id}`, { method: 'DELETE' })).status).toBe(403);
    await query(`update accounts set disabled_at = now() where id <> $1`, [id]);
    const last = await admin.send(`/api/admin/users/${id}`, { method: 'DELETE' });
    await query(`update accounts set disabled_at = null`);
    expect([last.status, last.type]).toEqual([409, 'last-admin']);
    expect((await admin.get('kept')).status).toBe(200);
  });
});

describe('a cloud that cannot be reached', () => {
  // The provider is given its usual patience, ten seconds, before it counts as away.
  it('is tried for ever, in plain sight, while all else is done; and cleared when it is back', async () => {
    await rename(place, `${place}-away`);
    const job = jobOf(await remove());
    const stuck = await reaches(job, waits);
    expect(stuck).toMatchObject({ state: 'waiting', error: expect.stringContaining('local: ') });
    expect(stuck.error).not.toContain(place);
    expect(
      await query(
        `select 1 from blobs b join connections c on c.id = b.connection
      where b.account = $1 and c.account is null and b.state = 'condemned'`,
        [person.id],
      ),
    ).toEqual([]);
    expect(await tablesWithRows(person.id)).toEqual(['blobs']);
    expect(await recordOf(person.id, 'cloud.credentials_purged')).toEqual([]);
    await rename(`${place}-away`, place);
    const over = await reaches(job, done);
    expect(over.error).toBeNull();
    expect(await readdir(place)).toEqual([]);
  });

  it('is left behind when an admin says so, and the record names it', async () => {
    await query(`update connections set alarm = 'A restored backup.' where id = $1`, [connection]);
    const job = jobOf(await remove());
    await reaches(job, waits);
    expect(jobOf(await remove(person.id, '?force=true')).id).toBe(job.id);
    await reaches(job, done);
    const [entry] = await recordOf(person.id, 'cloud.credentials_purged');
    expect(entry!.details).toMatchObject({ providers: ['local'], unreached: ['local'] });
    expect((await blobsOnDisk(place)).size).toBe(5);
    await timePasses();
    expect(await tablesWithRows(person.id)).toEqual([]);
  });
});

describe('while an account is deleted', () => {
  it('an upload that is under way ends, and nothing of it is left', async () => {
    const goOn = Promise.withResolvers<void>();
    async function* body(): AsyncGenerator<Buffer> {
      yield randomBytes(3 * CHUNK);
      await goOn.promise;
      yield randomBytes(3 * CHUNK);
    }
    const upload = client.put('own/upload', body());
    while ((await blobsOnDisk(place)).size < 7) await pause(5);
    const job = jobOf(await remove());
    await reaches(job, done);
    goOn.resolve();
    expect([404, 422, 503]).toContain((await upload).status);
    await inside(gateway, Sweep).run();
    await timePasses();
    expect(await tablesWithRows(person.id)).toEqual([]);
    expect(await readdir(place)).toEqual([]);
  });

  it('other gateways forget its keys, too', async () => {
    const other = await startGateway({
      dataFolder: gateway.dataFolder,
      environment: { ...ENVIRONMENT, DATABASE_URL: gateway.databaseUrl },
    });
    try {
      using there = new Client(other, person.token);
      expect((await there.get('own/two')).status).toBe(200);
      const [key] = await query('select id from account_keys where account = $1', [person.id]);
      const keyring = inside(other, AccountKeyring);
      await keyring.byId(person.id, key!['id'] as string);
      await reaches(jobOf(await remove()), done);
      await inside(other, DestroyedKeys).look();
      await expect(keyring.byId(person.id, key!['id'] as string)).rejects.toThrow(KeyDestroyed);
      await expect(keyring.current(person.id)).rejects.toThrow(KeyDestroyed);
      expect([401, 404]).toContain((await there.get('own/two')).status);
    } finally {
      await other.stop();
    }
  });

  it('nobody makes a new key for it, who had none', async () => {
    const { id } = await newPerson(gateway, admin.token, ['user']);
    await reaches(jobOf(await remove(id)), done);
    await expect(inside(gateway, AccountKeyring).current(id)).rejects.toThrow(KeyDestroyed);
  });
});
