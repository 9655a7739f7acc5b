import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Database, DatabaseAway, DatabaseUnusable } from '../index.js';
import { connect } from '../open-database.js';
import { EmbeddedPostgres } from './embedded-postgres.js';
import { processesNamed } from './left-behind.js';
import { clusterName } from './cluster.js';
import { type Launch, startPostmaster } from './postmaster.js';

let folder: string;
const running: EmbeddedPostgres[] = [];

beforeEach(async () => {
  Logger.overrideLogger(false);
  folder = await mkdtemp(join(tmpdir(), 'tessera-embedded-'));
});
afterEach(async () => {
  for (const postgres of running.splice(0)) await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

const start = async (where = folder) => {
  const postgres = await EmbeddedPostgres.start(where, { durable: false });
  running.push(postgres);
  return postgres;
};
const stop = (postgres: EmbeddedPostgres) => {
  running.splice(running.indexOf(postgres), 1);
  return postgres.stop();
};
const open = async (postgres: EmbeddedPostgres) =>
  new Database(await connect(postgres.connection, { connections: 4, waitSeconds: 5 }), postgres.connection);
const remember = async (postgres: EmbeddedPostgres) => {
  const database = await open(postgres);
  await database.execute('CREATE TABLE remembered AS SELECT 42::bigint AS answer');
  await database.close();
};
const recall = async (postgres: EmbeddedPostgres) => {
  const database = await open(postgres);
  const rows = await database.query('SELECT answer FROM remembered');
  await database.close();
  return rows;
};

test('keeps its data from one start to the next, and leaves no process behind', async () => {
  const first = await start();
  await remember(first);
  await stop(first);
  expect(await processesNamed(clusterName(join(folder, 'postgres', 'cluster')))).toEqual([]);
  expect(await recall(await start())).toEqual([{ answer: 42 }]);
});

test('comes back by itself when it is killed; until then the database is away', async () => {
  const postgres = await start();
  await remember(postgres);
  const database = await open(postgres);
  await database.check();
  process.kill(postgres.pid, 'SIGKILL');
  const answers: unknown[] = [];
  await vi.waitFor(
    async () => {
      const answer = await database.check().catch((error: unknown) => error);
      answers.push(answer);
      expect(answer).toBeUndefined();
    },
    { timeout: 20_000, interval: 5 },
  );
  expect(answers.slice(0, -1).every((answer) => answer instanceof DatabaseAway)).toBe(true);
  await database.close();
  // A backend of the killed postmaster may have answered the check a moment before it ended, too.
  await vi.waitFor(async () => expect(await recall(postgres)).toEqual([{ answer: 42 }]), { timeout: 20_000 });
});

test('ends a database that a killed gateway left running, and takes over its data', async () => {
  const first = await start();
  await remember(first);
  await stop(first);
  const { launch } = first as unknown as { launch: Launch };
  await mkdir(launch.socketFolder, { recursive: true, mode: 0o700 });
  if (launch.rank.owner !== null) await chown(launch.socketFolder, launch.rank.owner, launch.rank.owner);
  // Neither supervised nor locked: what a kill -9 of the gateway leaves where nothing tells the database of it.
  const orphan = await startPostmaster(launch);
  const second = await start();
  expect(orphan.exitCode).toBe(0);
  expect(second.pid).not.toBe(orphan.pid);
  expect(await recall(second)).toEqual([{ answer: 42 }]);
});

test('does not take a stranger with the number of a former postmaster for it', async () => {
  const first = await start();
  await remember(first);
  const lockFile = join(folder, 'postgres', 'cluster', 'postmaster.pid');
  const contents = await readFile(lockFile, 'utf8');
  await stop(first);
  await writeFile(lockFile, contents.replace(/^\d+/, String(process.ppid)), { mode: 0o600 });
  expect(await recall(await start())).toEqual([{ answer: 42 }]);
});

test('begins again where a first start was cut off', async () => {
  await mkdir(join(folder, 'postgres', 'cluster.unfinished'), { recursive: true });
  await writeFile(join(folder, 'postgres', 'cluster.unfinished', 'PG_VERSION'), '18\n');
  await start();
  expect(await readdir(join(folder, 'postgres'))).not.toContain('cluster.unfinished');
});

test('works under a path that is too long for a socket', async () => {
  const deep = join(folder, 'deep'.repeat(30));
  const postgres = await start(deep);
  await remember(postgres);
  expect(Buffer.byteLength(postgres.connection.host!)).toBeLessThan(90);
});

test('listens on a socket in a folder of its own only', async () => {
  const postgres = await start();
  const { mode } = await stat(postgres.connection.host!);
  expect(mode & 0o777).toBe(0o700);
  const database = await open(postgres);
  expect(await database.query(`SELECT current_setting('listen_addresses') AS addresses`)).toEqual([{ addresses: '' }]);
  await database.close();
});

describe('a start is refused in one line', () => {
  test('while another gateway runs on the folder', async () => {
    await start();
    await expect(start()).rejects.toThrow(
      new DatabaseUnusable(`TESSERA_DATA is in use: another gateway runs on ${folder}.`),
    );
  });

  test('on the data of another Postgres', async () => {
    await mkdir(join(folder, 'postgres', 'cluster'), { recursive: true });
    await writeFile(join(folder, 'postgres', 'cluster', 'PG_VERSION'), '15\n');
    await expect(start()).rejects.toThrow('TESSERA_DATA holds a database of Postgres 15; this is Postgres 18.');
  });

  test('where the data folder cannot be made', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(start(join(folder, 'file', 'data'))).rejects.toThrow(/^TESSERA_DATA cannot be used: [^\n]+$/);
    await chmod(folder, 0o700);
  });
});
