import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackupList, Job } from '#contracts';
import type { RootEpoch } from '#crypto';
import type { BlobName } from '#storage';
import { NightlyBackup } from '../src/backup/index.js';
import { ExportDatabase } from '../src/backup/export-database.js';
import { headerOf } from '../src/backup/read-backup.js';
import { parseRecords } from '../src/backup/records.js';
import { restoreBackup } from '../src/backup/restore-backup.js';
import { ConnectionPool, DeletionsHeld } from '../src/connections/index.js';
import { fillDatabase, openClient } from '../src/database/index.js';
import { openDatabase } from '../src/database/open-database.js';
import { rootKeysIn } from '../src/keys/index.js';
import { Client, type Received } from './support/client.js';
import { createDatabase } from './support/database.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder, upkeep, vaultOf } from './support/inside.js';
import { call, newPerson, type Person, signIn } from './support/people.js';

/** A gateway with a past, a backup of it, and what happened after. */
let dataFolder: string;
let lost: TestGateway;
let keys: RootEpoch[];
let backup: string;
let admin: string;
let client: Client;
let leaving: Person;
/** An upload over several requests that is half done. */
let upload: string;
const TUS = { 'Tus-Resumable': '1.0.0' };
/** What each table held when the backup was made. */
let tablesThen: Map<string, string>;

const before = randomBytes(3_000_000);
const older = randomBytes(100_000);
const ODD = 'Tab\there \\N \\. "quoted"; drop — ünïcødé \u{1f5dd}.bin';

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'tessera-kept-'));
  lost = await startGateway({ dataFolder, environment: { TESSERA_CHUNK_BYTES: '1MiB' } });
  admin = await signIn(lost);
  client = new Client(lost, admin);
  for (const [path, body] of [
    ['a/before.bin', older],
    ['a/before.bin', before],
    ['thrown%20away', older],
    ['empty', ''],
  ] as const)
    expect([200, 201]).toContain((await client.put(path, body)).status);
  expect((await client.put(encodeURIComponent(ODD), older)).status).toBe(201);
  await client.remove('thrown%20away');
  leaving = await newPerson(lost, admin, ['user']);
  const theirs = new Client(lost, leaving.token);
  expect((await theirs.put('theirs', older)).status).toBe(201);
  theirs[Symbol.dispose]();
  const path = Buffer.from('under-way.bin').toString('base64');
  const begun = await client.send('/api/uploads', {
    method: 'POST',
    headers: { ...TUS, 'Upload-Length': before.length, 'Upload-Metadata': `path ${path}` },
  });
  upload = new URL(begun.headers.location!, lost.url).pathname;
  expect((await goOn(client, 0, before.subarray(0, 1_500_000))).status).toBe(204);
  tablesThen = await tables(lost.databaseUrl);
  backup = await madeBackup();
  keys = (await rootKeysIn(join(dataFolder, 'root.key')))!;
  // Afterwards: a new file, and the markers say so.
  expect((await client.put('after.bin', before)).status).toBe(201);
  await upkeep(lost);
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await lost?.stop();
  await rm(dataFolder, { recursive: true, force: true });
});

function goOn(by: Client, offset: number, body: Buffer): Promise<Received> {
  const headers = { ...TUS, 'Upload-Offset': offset, 'Content-Type': 'application/offset+octet-stream' };
  return by.send(upload, { method: 'PATCH', headers, body });
}

async function madeBackup(): Promise<string> {
  const { job } = (await call(lost, '/api/admin/backups', { method: 'POST', token: admin })).json<{ job: Job }>();
  const state = async () => (await call(lost, `/api/jobs/${job.id}`, { token: admin })).json<Job>();
  let seen = await state();
  for (; seen.endedAt === null && seen.error === null; seen = await state()) await pause(20);
  expect(seen).toMatchObject({ state: 'done', error: null });
  const list = (await call(lost, '/api/admin/backups', { token: admin })).json<BackupList>();
  return list.items[0]!.file;
}

/** A digest of every table's rows, whatever their order. */
async function tables(databaseUrl: string): Promise<Map<string, string>> {
  await using database = await intruder({ databaseUrl });
  const { rows } = await database.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
       and not relispartition and relpersistence = 'p'`,
  );
  const found = new Map<string, string>();
  for (const { name } of rows) {
    const digest = await database.query<{ rows: string }>(
      `select count(*) || ' ' || md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as rows from "${name}" t`,
    );
    found.set(name, digest.rows[0]!.rows);
  }
  return found;
}

async function withEmptyDatabase(work: (url: string) => Promise<void>): Promise<void> {
  const fresh = await createDatabase({ migrated: false });
  try {
    await work(fresh.url);
  } finally {
    await fresh.drop();
  }
}

const restoreInto = (url: string, path = backup, by = keys) =>
  restoreBackup({ path, keys: by, where: 'a test', reach: async () => ({ connectionString: url }) });

const start = (url: string) => openDatabase({ connectionString: url }, { connections: 2, waitSeconds: 10 });

describe('a backup', () => {
  it('lies there whole, for its owner alone, and says nothing of what it holds', async () => {
    const bytes = await readFile(backup);
    for (const told of ['before.bin', 'first@example.org', 'accounts']) expect(bytes.includes(told)).toBe(false);
    expect((await headerOf(backup)).epoch).toBe(1);
    expect(await readdir(join(dataFolder, 'backups'))).toHaveLength(1);
  });

  it('shows one moment, whatever is stored while it is made', async () => {
    const connection = await openClient({ connectionString: lost.databaseUrl });
    const pieces = new ExportDatabase(connection, randomUUIDv7()).pieces();
    const read = [(await pieces.next()).value as Buffer];
    const stored = await tables(lost.databaseUrl);
    expect((await client.put('meanwhile.bin', older)).status).toBe(201);
    for await (const piece of pieces) read.push(piece);
    await connection.end();
    let table = '';
    const counted: string[] = [];
    for await (const { kind, body } of parseRecords(Readable.from(read))) {
      const said = kind === 'rows' ? undefined : (JSON.parse(body.toString()) as { name?: string; rows?: number });
      if (kind === 'table') table = said!.name!;
      if (kind === 'table-end' && /^(contents|chunks|shards|blobs|nodes|versions)$/.test(table)) {
        expect([table, `${said!.rows}`]).toEqual([table, stored.get(table)!.split(' ')[0]]);
        counted.push(table);
      }
    }
    expect(counted).toHaveLength(6);
    await client.remove('meanwhile.bin');
    await client.send('/api/trash', { method: 'DELETE' });
    await upkeep(lost);
  });

  it('is made by itself once a night, and only once', async () => {
    const nightly = inside(lost, NightlyBackup);
    await using database = await intruder(lost);
    const asked = async () => (await database.query(`select id from jobs where kind = 'backup'`)).rowCount;
    await nightly.look();
    expect(await asked()).toBe(1);
    await database.query(`update backups set made_at = made_at - interval '1 day'`);
    await Promise.all([nightly.look(), nightly.look()]);
    const under = `select 1 from jobs where kind = 'backup' and ended_at is null`;
    await expect.poll(async () => (await database.query(under)).rowCount).toBe(0);
    expect((await database.query('select 1 from backups')).rowCount).toBe(2);
    await nightly.look();
    expect(await asked()).toBe(2);
  });

  it('goes after its days, when a newer one was proved, and nothing else in its folder does', async () => {
    const folder = join(dataFolder, 'backups');
    const old = 'tessera-20200101T030000Z-0123abcd.backup';
    for (const name of [old, `${old}.unfinished`, 'my notes.txt', 'tessera-old.backup'])
      await writeFile(join(folder, name), 'x');
    await madeBackup();
    const left = await readdir(folder);
    expect(left).toEqual(expect.arrayContaining(['my notes.txt', 'tessera-old.backup']));
    expect(left.filter((name) => name.startsWith('tessera-2020'))).toEqual([]);
    expect(left.filter((name) => /^tessera-2.*\.backup$/.test(name))).toHaveLength(3);
  });
});

describe('a backup that is not what was written', () => {
  const changed: [string, (bytes: Buffer) => Buffer, RegExp][] = [
    ['cut at its end', (bytes) => bytes.subarray(0, -1), /cut, changed or added to/],
    ['cut in its middle', (bytes) => bytes.subarray(0, bytes.length / 2), /cut, changed or added to/],
    ['cut after its head', (bytes) => bytes.subarray(0, 212), /cut, changed or added to/],
    ['nearly nothing', (bytes) => bytes.subarray(0, 100), /no backup of Tessera/],
    ['longer by a byte', (bytes) => Buffer.concat([bytes, Buffer.of(0)]), /cut, changed or added to/],
    ['something else', () => randomBytes(5000), /no backup of Tessera/],
    ...[16, 52, 60, 76, 150, 190, 212, 5000].map(
      (at) =>
        [`another byte at ${at}`, (bytes: Buffer) => flipped(bytes, at), /./] as [
          string,
          (bytes: Buffer) => Buffer,
          RegExp,
        ],
    ),
  ];

  it.each(changed)('%s is refused before anything is touched', async (_name, change, message) => {
    const path = join(dataFolder, 'changed.backup');
    await writeFile(path, change(await readFile(backup)));
    const reach = () => Promise.reject(new Error('the database was asked for'));
    await expect(restoreBackup({ path, keys, where: 'nowhere', reach })).rejects.toThrow(message);
    await expect(restoreBackup({ path, keys, where: 'nowhere', reach })).rejects.not.toThrow(/was asked for/);
  });

  it('and one of another root key, are told apart', async () => {
    const file = join(dataFolder, 'other.key');
    await writeFile(file, `1 ${randomBytes(32).toString('base64')}\n`);
    await withEmptyDatabase(async (url) => {
      await expect(restoreInto(url, backup, (await rootKeysIn(file))!)).rejects.toThrow(
        /another root key \(its epoch 1\)/,
      );
    });
  });
});

describe('a restore', () => {
  let empty: Awaited<ReturnType<typeof createDatabase>>;
  beforeAll(async () => {
    empty = await createDatabase({ migrated: false });
  });
  afterAll(() => empty?.drop());

  it('goes into an empty database only', async () => {
    const nodes = (await tables(lost.databaseUrl)).get('nodes');
    await expect(restoreInto(lost.databaseUrl)).rejects.toThrow(/empty database only/);
    expect((await tables(lost.databaseUrl)).get('nodes')).toBe(nodes);
  });

  it('that was killed at its beginning leaves a database that no gateway starts on', async () => {
    const killed = { fill: () => Promise.reject(new Error('killed')), finish: async () => {} };
    const filling = fillDatabase({ connectionString: empty.url }, new Set(['CreateAccounts1763712000001']), killed);
    await expect(filling).rejects.toThrow('killed');
    await expect(start(empty.url)).rejects.toThrow(/has not ended: run `npm run restore` again/);
  });

  it('brings back every row, and nothing that only a running gateway holds', async () => {
    await restoreInto(empty.url);
    const now = await tables(empty.url);
    const kept = [...tablesThen].filter(([name]) => !OTHERS.has(name));
    expect(kept.length).toBeGreaterThan(15);
    for (const [name, rows] of kept) expect([name, now.get(name)]).toEqual([name, rows]);
    expect(now.get('sessions')).toMatch(/^0 /);
    await using database = await intruder({ databaseUrl: empty.url });
    await using source = await intruder(lost);
    const count = async (of: pg.Client, what: string) => (await of.query(`select 1 from ${what}`)).rowCount;
    expect(await count(database, 'gateways where alive_until > now()')).toBe(0);
    expect(await count(database, `pg_trigger where tgenabled = 'D'`)).toBe(0);
    const foreign = `pg_constraint where contype = 'f' and convalidated`;
    expect(await count(database, foreign)).toBe(await count(source, foreign));
  });

  it('that was killed after its rows came is done again', async () => {
    await using database = await intruder({ databaseUrl: empty.url });
    await database.query('create table unfinished_restore ()');
    await expect(start(empty.url)).rejects.toThrow(/has not ended/);
    await restoreInto(empty.url);
    expect((await database.query('select 1 from accounts')).rowCount).toBe(2);
  });

  it('is a gateway that serves what it knows, deletes nothing until it is told, and then goes on', async () => {
    await lost.stop();
    const environment = { DATABASE_URL: empty.url, TESSERA_CHUNK_BYTES: '1MiB' };
    const gateway = await startGateway({ dataFolder, environment });
    try {
      await holdsUntilTold(gateway);
    } finally {
      await gateway.stop();
    }
  });

  async function holdsUntilTold(gateway: TestGateway): Promise<void> {
    expect((await call(gateway, '/api/auth/me', { token: admin })).status).toBe(401);
    const token = await signIn(gateway);
    using again = new Client(gateway, token);
    await using database = await intruder({ databaseUrl: empty.url });
    const blobs = async () => [...(await blobsOnDisk(vaultOf(gateway))).keys()].sort();
    const there = await blobs();
    const hold = async () => (await call(gateway, '/api/admin/hold', { token })).json<Record<string, unknown>>();
    const say = (what: string, by = token) => call(gateway, `/api/admin/hold${what}`, { method: 'POST', token: by });

    expect((await again.get('a/before.bin')).body.equals(before)).toBe(true);
    expect((await again.get(encodeURIComponent(ODD))).body.equals(older)).toBe(true);
    expect((await again.get('after.bin')).status).toBe(404);
    await again.remove('a/before.bin');
    expect((await again.send('/api/trash', { method: 'DELETE' })).status).toBe(204);
    const purge = await call(gateway, `/api/admin/users/${leaving.id}`, { method: 'DELETE', token });
    const purging = purge.json<{ job: Job }>().job.id;
    const trouble = async () => (await call(gateway, `/api/jobs/${purging}`, { token })).json<Job>().error;
    await expect.poll(trouble, { timeout: 10_000 }).toMatch(/Nothing is deleted|alarm/);
    for (let round = 0; round < 2; round++) await upkeep(gateway);
    expect(await blobs()).toEqual(there);
    const [vault] = (await database.query<{ id: string }>('select id from connections')).rows;
    const provider = await inside(gateway, ConnectionPool).provider(vault!.id);
    await expect(provider.delete(there[0]! as BlobName)).rejects.toThrow(DeletionsHeld);
    await expect(provider.removeFolder()).rejects.toThrow(DeletionsHeld);

    expect(await hold()).toMatchObject({ stands: true, why: 'restored', endsAt: null });
    // Three chunks and one more were stored after the backup, and the marker knows.
    expect((await hold())['connections']).toEqual([expect.objectContaining({ house: true, blobsAhead: 4 })]);
    await expect.poll(async () => (await again.put('early.bin', older)).status, { timeout: 10_000 }).toBe(507);
    const stranger = await newPerson(gateway, token, ['user', 'auditor']);
    for (const what of ['', '/lift']) expect((await say(what, stranger.token)).status).toBe(403);

    expect((await say('/lift')).json()).toMatchObject({ stands: true, endsAt: expect.any(String) });
    expect((await say('/lift')).status).toBe(409);
    await say('');
    expect(await hold()).toMatchObject({ stands: true, why: 'restored', endsAt: null });
    await say('/lift');
    await upkeep(gateway);
    expect(await blobs()).toEqual(there);
    await database.query(`update holds set ends_at = now()`);
    await expect
      .poll(
        async () => {
          await upkeep(gateway);
          return there.length - (await blobs()).length;
        },
        { timeout: 10_000 },
      )
      .toBeGreaterThan(0);
    expect(await hold()).toEqual({ stands: false });

    await expect.poll(async () => (await again.put('new.bin', older)).status, { timeout: 10_000 }).toBe(201);
    expect((await again.get('new.bin')).body.equals(older)).toBe(true);
    const known = await again.send(upload, { method: 'HEAD', headers: TUS });
    expect(known.headers['upload-offset']).toBe('1500000');
    expect((await goOn(again, 1_500_000, before.subarray(1_500_000))).status).toBe(204);
    expect((await again.get('under-way.bin')).body.equals(before)).toBe(true);
    // A database that went back by other means: a snapshot that was rolled back has no note of it, but the marker has.
    await upkeep(gateway);
    await database.query(`update connections set marking_sequence = 1, marked_sequence = 0`);
    await upkeep(gateway);
    expect(await hold()).toMatchObject({ stands: true, why: 'ahead', backupMadeAt: null });

    const { rows } = await database.query<{ action: string }>(
      `select action from audit_inbox union all select action from audit_chain`,
    );
    const told = ['gateway.restored', 'deletions.held', 'deletions.lifted'];
    expect(rows.map(({ action }) => action)).toEqual(expect.arrayContaining(told));
    const verdict = async () => (await call(gateway, '/api/admin/audit/verify', { token })).json<{ ok: boolean }>();
    await expect.poll(async () => (await verdict()).ok, { timeout: 10_000 }).toBe(true);
  }
});

/** Left out, or true of a running gateway only, or added to while the backup was made. */
const OTHERS = new Set(
  `sessions one_time_links changes change_feed gateways jobs holds audit_inbox audit_chain audit_head connections backups
   connection_hours quota_slabs space_slabs migrations moves`.split(/\s+/),
);

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1;
  return copy;
}
