import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backup, BackupList, Scrub } from '#contracts';
import { isBackupHeadName, type RootEpoch } from '#crypto';
import { ConnectionAway } from '#storage';
import { type DavServer, startApache } from '#storage/testing';
import { openPlaces } from '../src/backup/behind-provider.js';
import { FolderOnDisk } from '../src/backup/folder-on-disk.js';
import { KeepCopies } from '../src/backup/keep-copies.js';
import { fetchBackup, findBackups, type Found, type FoundBackup } from '../src/backup/look-through.js';
import { PutBackup } from '../src/backup/put-backup.js';
import { restoreCommand } from '../src/backup/restore-command.js';
import { readConfig } from '../src/config/index.js';
import { ConnectionPool } from '../src/connections/index.js';
import { Worker } from '../src/jobs/index.js';
import { rootKeysIn } from '../src/keys/index.js';
import { Sweep } from '../src/upkeep/index.js';
import { Client } from './support/client.js';
import { createDatabase } from './support/database.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder, standStill } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';
import { Scrubbing } from './support/scrubbing.js';

/** A gateway whose files lie on one WebDAV server, which keeps its backups, too. */
const SOON = { timeout: 20_000, interval: 25 };
const LOCAL = { TESSERA_ALLOW_HOSTS: '127.0.0.1' };
/** So that a small database comes in several pieces. */
const UNIT = 2_000;

let folder: string;
let apache: DavServer;
let gateway: TestGateway;
let restored: Awaited<ReturnType<typeof createDatabase>> | undefined;
let admin: Client;
let connection: string;
let keys: RootEpoch[];
const file = randomBytes(700_000);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-burning-'));
  apache = await startApache();
  const environment = { ...LOCAL, TESSERA_CHUNK_BYTES: '256KiB', TESSERA_BACKUP_HOUR: 'never' };
  gateway = await startGateway({ dataFolder: join(folder, 'data'), environment });
  admin = new Client(gateway, await signIn(gateway));
  await standStill(gateway);
  inside(gateway, PutBackup).unit = UNIT;
  connection = await connect('webdav', { url: apache.url, ...apache.login });
  await admin.spread(1, 0, [connection]);
  expect((await admin.put('kept.bin', file)).status).toBe(201);
  expect(await keepsBackups(connection, true)).toBe(200);
  keys = (await rootKeysIn(join(gateway.dataFolder, 'root.key')))!;
});
afterAll(async () => {
  admin?.[Symbol.dispose]();
  await gateway?.stop();
  await restored?.drop();
  await apache?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

async function connect(provider: string, settings: Record<string, string>): Promise<string> {
  const asked = { label: provider, house: true, ...settings };
  const made = await admin.json('POST', `/api/cloud/connections/${provider}`, asked);
  expect(made.status, made.body.toString()).toBe(201);
  return made.json<{ id: string }>().id;
}

async function keepsBackups(id: string, on: boolean): Promise<number> {
  const answer = await admin.json('PATCH', `/api/cloud/connections/${id}`, { keepsBackups: on });
  return answer.status;
}

const list = async (): Promise<BackupList> => (await admin.send('/api/admin/backups')).json<BackupList>();
const newest = async (): Promise<Backup> => (await list()).items[0]!;
const stateOf = async (backup: string, on = connection): Promise<string | undefined> =>
  (await list()).items.find(({ id }) => id === backup)?.copies.findLast((copy) => copy.connection === on)?.state;

async function underWay(): Promise<number | null> {
  await using database = await intruder(gateway);
  return (await database.query(`select 1 from jobs where kind = 'backup' and ended_at is null`)).rowCount;
}

/** Only in its folder yet. */
async function made(): Promise<Backup> {
  // Who asks while one is under way is told of that one.
  await expect.poll(underWay, SOON).toBe(0);
  const before = (await newest())?.id;
  expect((await admin.send('/api/admin/backups', { method: 'POST' })).status).toBe(202);
  await expect.poll(async () => (await newest())?.id, SOON).not.toBe(before);
  return newest();
}

/** On the connection, too. */
async function backedUp(): Promise<Backup> {
  const backup = await made();
  await expect.poll(() => stateOf(backup.id), SOON).toBe('kept');
  return backup;
}

const blobs = (): Promise<Map<string, string>> => blobsOnDisk(apache.files);
const typed = () => ({ provider: 'webdav', label: 'mine', house: true, url: apache.url, ...apache.login });

/** As somebody finds them who has nothing but the root key and what opens the place. */
async function found<T>(look: (found: Found) => Promise<T>, by = keys): Promise<T> {
  await using opened = await openPlaces({ typed: typed(), keys: by, outbound: { allowHosts: ['127.0.0.1'] } });
  expect(opened.places).toHaveLength(1);
  return look(await findBackups(opened.places[0]!, by));
}

const namesFound = (): Promise<string[]> => found(async ({ backups }) => backups.map(({ head }) => head.id));

async function fetched(backup: FoundBackup): Promise<Buffer> {
  const path = join(folder, 'fetched.backup');
  await fetchBackup(backup, path);
  return readFile(path);
}

describe('a backup on a connection', () => {
  it('is found by the root key and the place alone, and is the file to the byte', async () => {
    const backup = await backedUp();
    await found(async ({ backups, spoilt }) => {
      expect(backups.map(({ head }) => head.id)).toEqual([backup.id]);
      expect(spoilt).toEqual([]);
      expect(backups[0]!.head.pieces.length).toBeGreaterThan(3);
      expect((await fetched(backups[0]!)).equals(await readFile(backup.file))).toBe(true);
    });
    expect((await list()).connections).toEqual([
      { id: connection, provider: 'webdav', label: 'webdav', newestMadeAt: backup.madeAt, error: null },
    ]);
  });

  it('tells its provider nothing: the names are like all others, and the bytes are sealed', async () => {
    const lying = await blobs();
    const all = (await readdir(apache.files, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
    expect(all.map(({ name }) => name).filter((name) => !lying.has(name))).toEqual(['marker']);
    for (const path of lying.values()) {
      const bytes = await readFile(path);
      for (const told of ['tessera', 'backup', 'first@example.org', 'kept.bin', 'madeAt'])
        expect(bytes.includes(told)).toBe(false);
      expect(bytes.includes(keys[0]!.keys.fingerprint)).toBe(false);
    }
  });

  it('is for connections of the house, and for admins', async () => {
    using person = new Client(gateway, (await newPerson(gateway, admin.token, ['user'])).token);
    const change = { keepsBackups: true };
    expect((await person.json('PATCH', `/api/cloud/connections/${connection}`, change)).status).toBe(403);
    const path = join(folder, 'own');
    await mkdir(path);
    const own = await admin.json('POST', '/api/cloud/connections/local', { label: 'own', path });
    const { id } = own.json<{ id: string }>();
    expect(await keepsBackups(id, true)).toBe(422);
    expect((await admin.send(`/api/cloud/connections/${id}`, { method: 'DELETE' })).status).toBe(204);
  });
});

describe('a copy that is under way', () => {
  const put = async (): Promise<{ broken(after: number): void; calls: string[]; mend(): void }> => {
    const provider = await inside(gateway, ConnectionPool).provider(connection, 'short');
    const real = provider.put.bind(provider);
    const calls: string[] = [];
    return {
      calls,
      broken(after) {
        provider.put = async (name, body, options) => {
          if (calls.length >= after) throw new ConnectionAway();
          calls.push(name);
          return real(name, body, options);
        };
      },
      mend: () => (provider.put = real),
    };
  };

  it('that stops in its middle leaves the one before it as it was, says why, and goes on where it stopped', async () => {
    const before = await newest();
    await admin.put('later.bin', file.subarray(0, 10_000));
    const wire = await put();
    wire.broken(2);
    const backup = await made();
    try {
      await expect.poll(async () => (await list()).connections[0]!.error, SOON).toMatch(/cannot be reached/);
      expect(await stateOf(backup.id)).toBe('begun');
      expect(wire.calls).toHaveLength(2);
      await found(async ({ backups }) => {
        expect(backups.map(({ head }) => head.id)).toEqual([before.id]);
        expect((await fetched(backups[0]!)).equals(await readFile(before.file))).toBe(true);
      });
    } finally {
      wire.broken(Infinity);
    }
    await dueNow();
    await expect.poll(() => stateOf(backup.id), SOON).toBe('kept');
    wire.mend();
    const pieces = Math.ceil((backup.bytes - 212) / UNIT);
    expect(new Set(wire.calls).size).toBe(pieces + 1);
    expect(wire.calls).toHaveLength(pieces + 1);
    expect(await namesFound()).toEqual([backup.id, before.id]);
    expect((await list()).connections[0]!.error).toBeNull();
  });

  it('is given up for a newer one, and what it had put is deleted', async () => {
    const wire = await put();
    wire.broken(2);
    const given = await made();
    await expect.poll(async () => (await list()).connections[0]!.error, SOON).not.toBeNull();
    const backup = await made();
    await dueNow();
    await expect.poll(() => stateOf(backup.id), SOON).toBe('begun');
    wire.mend();
    await dueNow();
    await expect.poll(() => stateOf(backup.id), SOON).toBe('kept');
    expect(await stateOf(given.id)).toBe('leaving');
    const left = wire.calls;
    expect([...(await blobs()).keys()]).toEqual(expect.arrayContaining(left));
    await inside(gateway, Sweep).run();
    const lying = await blobs();
    expect(left.filter((name) => lying.has(name))).toEqual([]);
    expect((await namesFound())[0]).toBe(backup.id);
  });

  it('is compared with what comes back, and put anew where that is something else', async () => {
    const provider = await inside(gateway, ConnectionPool).provider(connection, 'short');
    const real = provider.put.bind(provider);
    const spoilt: string[] = [];
    provider.put = async (name, body, options) => {
      const proof = await real(name, body, options);
      if (spoilt.length > 0) return proof;
      spoilt.push(name);
      await writeFile((await blobs()).get(name)!, randomBytes(body.length));
      return proof;
    };
    const backup = await made();
    await expect.poll(() => stateOf(backup.id), SOON).toBe('kept');
    provider.put = real;
    await found(async ({ backups }) => {
      expect(backups[0]!.head.pieces.map(({ name }) => name)).not.toContain(spoilt[0]);
      expect((await fetched(backups[0]!)).equals(await readFile(backup.file))).toBe(true);
    });
  });

  /** What waits for its next attempt does so no longer. */
  async function dueNow(): Promise<void> {
    await using database = await intruder(gateway);
    await database.query(`update jobs set next_at = now() - interval '1 minute' where ended_at is null`);
    await inside(gateway, Worker).recover();
  }
});

describe('upkeep', () => {
  it('sweeps what is nobody’s, and no backup', async () => {
    await using scrubbing = await Scrubbing.of(gateway, admin);
    const lying = await blobs();
    const [name, path] = [...lying][0]!;
    // On a shelf that is there: the server may not delete from one that is the test's.
    await writeFile(join(path, '..', name.slice(0, 2).padEnd(26, 'a')), 'nobody’s');
    expect(await scrubbing.now(connection)).toMatchObject({ unknown: 1, missing: 0, damaged: 0 });
    await scrubbing.hoursPass(2);
    expect(await scrubbing.now(connection)).toMatchObject({ swept: 1, missing: 0, damaged: 0 });
    expect([...(await blobs()).keys()].sort()).toEqual([...lying.keys()].sort());
  });

  it.each<[string, (bytes: Buffer) => Buffer, (scrubbing: Scrubbing) => Promise<Scrub>]>([
    ['changed, as reading finds', flipped, (scrubbing) => scrubbing.now(connection, '?reads=all')],
    ['cut, as a listing shows', (bytes) => bytes.subarray(1), (scrubbing) => scrubbing.daily(connection)],
  ])('looks after backups too, and has one put anew of which a piece is %s', async (_, spoil, scrub) => {
    await using scrubbing = await Scrubbing.of(gateway, admin);
    const backup = await newest();
    const copies = backup.copies.length;
    const names = await found(async ({ backups }) => backups[0]!.head.pieces.map(({ name }) => name));
    const path = (await blobs()).get(names[1]!)!;
    await writeFile(path, spoil(await readFile(path)));
    expect(await scrub(scrubbing)).toMatchObject({ damaged: 1, missing: 0 });
    await inside(gateway, KeepCopies).look();
    await expect
      .poll(async () => (await newest()).copies.slice(copies - 1).map(({ state }) => state), SOON)
      .toEqual(['leaving', 'kept']);
    await inside(gateway, Sweep).run();
    await found(async ({ backups }) => {
      expect(backups[0]!.head.id).toBe(backup.id);
      expect((await fetched(backups[0]!)).equals(await readFile(backup.file))).toBe(true);
    });
  });
});

describe('what is old', () => {
  /** As if so many days had passed since all that was made so far. */
  async function daysPass(days: number): Promise<void> {
    await using database = await intruder(gateway);
    await database.query(`update backups set made_at = made_at - make_interval(days => $1)`, [days]);
  }

  it('stays while nothing newer is proved there, or a hold stands, and then is deleted', async () => {
    const old = await newest();
    const heads = new Set(await found(async ({ backups }) => backups.map(({ head }) => head.id)));
    await daysPass(31);
    await inside(gateway, KeepCopies).look();
    expect(await stateOf(old.id)).toBe('kept');
    expect((await admin.send('/api/admin/hold', { method: 'POST' })).status).toBeLessThan(300);
    const fresh = await backedUp();
    await inside(gateway, KeepCopies).look();
    expect(await stateOf(old.id)).toBe('kept');
    await using database = await intruder(gateway);
    await database.query('update holds set ends_at = now()');
    await expect
      .poll(async () => {
        await inside(gateway, KeepCopies).look();
        await inside(gateway, Sweep).run();
        await inside(gateway, KeepCopies).look();
        return stateOf(old.id);
      }, SOON)
      .toBe('deleted');
    expect(heads.size).toBeGreaterThan(2);
    expect(await namesFound()).toEqual([fresh.id]);
    const rows = await database.query(
      `select name from blobs where connection = $1 and state in ('intended', 'live') order by name collate "C"`,
      [connection],
    );
    expect([...(await blobs()).keys()].sort()).toEqual(rows.rows.map(({ name }) => name));
  });

  it('goes from a connection that is drained, and is said to be left where one is removed by force', async () => {
    const path = join(folder, 'second');
    await mkdir(path);
    const second = await connect('local', { path, domain: 'another' });
    expect(await keepsBackups(second, true)).toBe(200);
    await inside(gateway, KeepCopies).look();
    const { id } = await newest();
    await expect.poll(() => stateOf(id, second), SOON).toBe('kept');
    expect((await admin.send(`/api/cloud/connections/${second}`, { method: 'DELETE' })).status).toBe(409);
    const drain = `/api/cloud/connections/${second}/drain`;
    expect((await admin.send(drain, { method: 'POST' })).status).toBe(202);
    const gone = async (): Promise<string | undefined> => {
      await inside(gateway, KeepCopies).look();
      await inside(gateway, Sweep).run();
      await inside(gateway, KeepCopies).look();
      return stateOf(id, second);
    };
    await expect.poll(gone, SOON).toBe('deleted');
    expect([...(await blobsOnDisk(path)).keys()]).toEqual([]);
    expect((await admin.send(drain, { method: 'DELETE' })).status).toBe(204);
    await inside(gateway, KeepCopies).look();
    await expect.poll(() => stateOf(id, second), SOON).toBe('kept');
    const force = await admin.send(`/api/cloud/connections/${second}?force=true`, { method: 'DELETE' });
    expect(force.status).toBe(204);
    await inside(gateway, KeepCopies).look();
    expect(await stateOf(id, second)).toBe('left');
    expect((await blobsOnDisk(path)).size).toBeGreaterThan(3);
  });
});

describe('somebody who has only the root key and the place', () => {
  const path = (): string => join(folder, 'fetched.backup');

  it('is told of another root key', async () => {
    const other = join(folder, 'other.key');
    await writeFile(other, `1 ${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    await expect(found(namesOf, (await rootKeysIn(other))!)).rejects.toThrow(
      /another gateway, or TESSERA_ROOT_KEY_FILE/,
    );
  });

  it.each<[string, (path: string) => Promise<void>, RegExp]>([
    ['missing', (piece) => rm(piece), /is missing/],
    ['cut', async (piece) => writeFile(piece, (await readFile(piece)).subarray(1)), /changed or cut/],
    ['another', async (piece) => writeFile(piece, randomBytes((await stat(piece)).size)), /changed or cut/],
  ])('is told of a piece that is %s, and nothing half is left', async (_, spoil, message) => {
    await rm(path(), { force: true });
    await found(async ({ backups }) => {
      const piece = (await blobs()).get(backups[0]!.head.pieces[2]!.name)!;
      const bytes = await readFile(piece);
      await spoil(piece);
      await expect(fetchBackup(backups[0]!, path())).rejects.toThrow(message);
      await writeFile(piece, bytes);
    });
    expect((await readdir(folder)).filter((name) => name.startsWith('fetched'))).toEqual([]);
  });

  it('is told of a head that was changed, and still finds the others', async () => {
    const before = await namesFound();
    const head = [...(await blobs()).keys()].find((name) => isBackupHeadName(keys[0]!.keys, name))!;
    const lying = (await blobs()).get(head)!;
    const bytes = await readFile(lying);
    await writeFile(lying, flipped(bytes));
    expect(await found(async ({ backups, spoilt }) => [backups.length, spoilt])).toEqual([before.length - 1, [head]]);
    await writeFile(lying, bytes);
  });

  it('needs no names, where a download has lost them', async () => {
    const downloaded = join(folder, 'downloaded');
    await mkdir(join(downloaded, 'deeper'), { recursive: true });
    for (const [nth, lying] of [...(await blobs()).values()].entries())
      await copyFile(lying, join(downloaded, nth % 2 ? 'deeper' : '', `${nth}.bin`));
    await writeFile(join(downloaded, 'holiday.jpg'), randomBytes(4136));
    const { backups } = await findBackups(new FolderOnDisk(downloaded), keys);
    expect(backups.map(({ head }) => head.id)).toEqual(await namesFound());
    const file = (await newest()).file;
    expect((await fetched(backups[0]!)).equals(await readFile(file))).toBe(true);
  });

  it('gets the gateway back', async () => {
    expect((await admin.put('too-late.bin', file)).status).toBe(201);
    const kept = join(folder, 'kept-elsewhere');
    await mkdir(kept);
    await copyFile(join(gateway.dataFolder, 'root.key'), join(kept, 'root.key'));
    await gateway.stop();
    await rm(join(folder, 'data'), { recursive: true });
    await writeFile(join(kept, 'place.json'), JSON.stringify(typed()));
    restored = await createDatabase({ migrated: false });
    const said = await restoreByHand(kept, restored.url);
    expect(said).toMatch(/Restored: the gateway as it was/);
    for (const word of [apache.login.password, 'place.json']) expect(said).not.toContain(word);
    await isBack(kept, restored.url);
  });

  /** `npm run restore -- --from FILE`, in this process; what it says. */
  async function restoreByHand(dataFolder: string, databaseUrl: string): Promise<string> {
    const said: string[] = [];
    const config = readConfig({ ...LOCAL, TESSERA_DATA: dataFolder, DATABASE_URL: databaseUrl });
    await restoreCommand(['--from', join(dataFolder, 'place.json')], config, (line) => said.push(line));
    return said.join('\n');
  }

  async function isBack(dataFolder: string, databaseUrl: string): Promise<void> {
    const environment = { ...LOCAL, DATABASE_URL: databaseUrl, TESSERA_BACKUP_HOUR: 'never' };
    gateway = await startGateway({ dataFolder, environment });
    admin[Symbol.dispose]();
    admin = new Client(gateway, await signIn(gateway));
    for (const [path, body] of [
      ['kept.bin', file],
      ['later.bin', file.subarray(0, 10_000)],
    ] as const)
      expect((await admin.get(path)).body.equals(body)).toBe(true);
    expect((await admin.get('too-late.bin')).status).toBe(404);
    const hold = await admin.send('/api/admin/hold');
    expect(hold.json()).toMatchObject({ stands: true, why: 'restored' });
  }
});

const namesOf = async ({ backups }: Found): Promise<string[]> => backups.map(({ name }) => name);

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1]! ^= 1;
  return copy;
}
