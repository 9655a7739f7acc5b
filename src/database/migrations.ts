import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg, { type PoolConfig } from 'pg';
import type { DataSource, MigrationInterface } from 'typeorm';
import { DatabaseUnusable } from './faults.js';

type Migration = new () => MigrationInterface;

/** Beside `src`, in the sources and in what is built from them alike. */
const FOLDER = new URL('../../migrations/', import.meta.url);
const FILE_NAME = /^\d{13}-[a-z0-9-]+\.[jt]s$/;
/** Any number, the same in every gateway: whoever holds it migrates, the others wait. */
const MIGRATION_LOCK = 7_355_608_017;

export async function loadMigrations(): Promise<Migration[]> {
  const names = (await readdir(fileURLToPath(FOLDER))).filter((name) => FILE_NAME.test(name)).sort();
  const modules = await Promise.all(
    names.map((name) => import(/* @vite-ignore */ new URL(name, FOLDER).href) as Promise<Record<string, unknown>>),
  );
  return modules.flatMap((module) =>
    Object.values(module).filter((item): item is Migration => typeof item === 'function'),
  );
}

/** Brings the tables up to this version of the code. Gateways that start together take turns. */
export async function migrate(dataSource: DataSource, connection: PoolConfig): Promise<number> {
  return locked(connection, async () => {
    await refuseUnfinished(dataSource);
    await refuseNewer(dataSource);
    return (await dataSource.runMigrations({ transaction: 'each' })).length;
  });
}

export async function revertLast(dataSource: DataSource, connection: PoolConfig): Promise<void> {
  await locked(connection, () => dataSource.undoLastMigration({ transaction: 'each' }));
}

/** One at a time of all that change tables, in whatever process. */
export async function locked<T>(connection: PoolConfig, work: () => Promise<T>): Promise<T> {
  const client = new pg.Client(connection);
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    return await work();
  } finally {
    await client.end();
  }
}

/** Its table stands from before the first row of a restored backup until after the last: half a database serves nobody. */
export const UNFINISHED_RESTORE = 'unfinished_restore';

async function refuseUnfinished(dataSource: DataSource): Promise<void> {
  const [table] = (await dataSource.query(`SELECT to_regclass('${UNFINISHED_RESTORE}') AS name`)) as {
    name: string | null;
  }[];
  if (!table?.name) return;
  throw new DatabaseUnusable(
    'A restore into this database has not ended: run `npm run restore` again, or use an empty database.',
  );
}

async function refuseNewer(dataSource: DataSource): Promise<void> {
  const [table] = (await dataSource.query(`SELECT to_regclass('migrations') AS name`)) as { name: string | null }[];
  if (!table?.name) return;
  const known = new Set(dataSource.migrations.map((migration) => migration.name ?? migration.constructor.name));
  const applied = (await dataSource.query('SELECT name FROM migrations ORDER BY id')) as { name: string }[];
  const unknown = applied.filter(({ name }) => !known.has(name));
  if (unknown.length > 0) {
    throw new DatabaseUnusable(
      `The database is newer than this version of Tessera (it knows ${unknown[0]!.name}); start the newer version again.`,
    );
  }
}
