import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import type { Database } from '../../src/database/index.js';
import { openDatabase } from '../../src/database/open-database.js';
import { DATABASE, SOCKET_PORT, SUPERUSER } from '../../src/database/embedded/cluster.js';

export interface TestDatabase {
  readonly database: Database;
  /** For a gateway that a test starts: DATABASE_URL. */
  readonly url: string;
  stop(): Promise<void>;
}

const TEMPLATE = 'migrated';

/** A fresh, migrated database in the run's Postgres. */
export async function startDatabase(options: { connections?: number } = {}): Promise<TestDatabase> {
  const { url, drop } = await createDatabase();
  const database = await openDatabase(
    { connectionString: url },
    { connections: options.connections ?? 10, waitSeconds: 10 },
  );
  return {
    database,
    url,
    async stop() {
      await database.close();
      await drop();
    },
  };
}

/** The same, without anybody connected to it. */
export async function createDatabase(
  options: { migrated?: boolean } = {},
): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await asSuperuser(async (client) => {
    if (options.migrated === false) return void (await client.query(`CREATE DATABASE ${name}`));
    await makeTemplate(client);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
  });
  return {
    url: urlOf(name),
    drop: () =>
      asSuperuser(async (client) => void (await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))),
  };
}

/** Made by the first spec that asks for a database; the others wait for it. */
async function makeTemplate(client: pg.Client): Promise<void> {
  await client.query('SELECT pg_advisory_lock(1)');
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [TEMPLATE]);
    if (rowCount) return;
    await client.query(`CREATE DATABASE ${TEMPLATE}_unfinished`);
    const database = await openDatabase(
      { connectionString: urlOf(`${TEMPLATE}_unfinished`) },
      { connections: 2, waitSeconds: 10 },
    );
    await database.close();
    await client.query(`ALTER DATABASE ${TEMPLATE}_unfinished RENAME TO ${TEMPLATE}`);
  } finally {
    await client.query('SELECT pg_advisory_unlock(1)');
  }
}

function urlOf(name: string): string {
  return `postgres://${SUPERUSER}@localhost:${SOCKET_PORT}/${name}?host=${encodeURIComponent(inject('postgres'))}`;
}

async function asSuperuser<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: urlOf(DATABASE) });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
