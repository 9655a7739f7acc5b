import { setTimeout as pause } from 'node:timers/promises';
import pg, { type PoolConfig } from 'pg';
import { DataSource } from 'typeorm';
import { Database } from './database.js';
import { codeOf, DatabaseUnusable } from './faults.js';
import { loadMigrations, migrate } from './migrations.js';
import { rowTypes } from './row-types.js';

export interface OpenOptions {
  readonly connections: number;
  readonly waitSeconds: number;
  /** How long the start waits for a database that does not answer yet. Default: 10 s. */
  readonly patienceMs?: number;
}

/** Older ones lack what our tables use. */
const OLDEST_VERSION = 150_000;

/**
 * Hot statements are prepared, and their plans do not hang on the values: planning them anew for each execution was half of
 * the database's time. It also keeps a plan that was right for a young tree from being weighed against guesses each time.
 */
const PLANS = '-c plan_cache_mode=force_generic_plan';

/** Connects, migrates, and hands out the database. */
export async function openDatabase(where: PoolConfig, options: OpenOptions): Promise<Database> {
  const connection: PoolConfig = {
    ...where,
    application_name: 'tessera',
    options: PLANS,
    idle_in_transaction_session_timeout: 60_000,
  };
  await untilItAnswers(connection, options.patienceMs ?? 10_000);
  const dataSource = await connect(connection, options);
  try {
    await migrate(dataSource, connection);
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
  return new Database(dataSource, connection);
}

/** `only`: knows no migrations but those of these names. */
export async function connect(
  connection: PoolConfig,
  options: OpenOptions,
  only?: ReadonlySet<string>,
): Promise<DataSource> {
  const migrations = await loadMigrations();
  const dataSource = new DataSource({
    type: 'postgres',
    migrations: only ? migrations.filter(({ name }) => only.has(name)) : migrations,
    migrationsTableName: 'migrations',
    installExtensions: false,
    logging: false,
    extra: {
      ...connection,
      types: rowTypes,
      max: options.connections,
      connectionTimeoutMillis: options.waitSeconds * 1000,
      idleTimeoutMillis: 60_000,
    },
  });
  return dataSource.initialize();
}

export async function untilItAnswers(connection: PoolConfig, patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await tryOnce(connection);
    } catch (error) {
      if (error instanceof DatabaseUnusable) throw error;
      if (performance.now() > deadline || !mayPass(error)) throw new DatabaseUnusable(refusal(error));
      await pause(200);
    }
  }
}

async function tryOnce(connection: PoolConfig): Promise<void> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ version: string }>(`SELECT current_setting('server_version_num') AS version`);
    if (Number(rows[0]!.version) < OLDEST_VERSION)
      throw new DatabaseUnusable('DATABASE_URL must lead to Postgres 15 or newer.');
  } finally {
    await client.end().catch(() => {});
  }
}

/** A wrong password or a missing database does not get better by waiting. */
function mayPass(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return !/^(28|3D)/.test(code) && code !== 'ENOTFOUND';
}

function refusal(error: unknown): string {
  const code = codeOf(error);
  if (code?.startsWith('28')) return 'DATABASE_URL is refused by Postgres: wrong user or password.';
  if (code?.startsWith('3D')) return 'DATABASE_URL names a database that does not exist.';
  return `DATABASE_URL leads to no Postgres that answers (${code ?? 'no answer'}).`;
}
