import { access, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import pg, { type PoolConfig } from 'pg';
import type { Config } from '../config/index.js';
import { DATABASE, SOCKET_PORT, SUPERUSER } from './embedded/cluster.js';
import { EmbeddedPostgres } from './embedded/embedded-postgres.js';
import { socketFolderOf } from './embedded/socket-folder.js';
import { DatabaseUnusable } from './faults.js';

/** A database as a program reaches it that runs beside a gateway, or while none does. */
export interface ReachedDatabase {
  readonly connection: PoolConfig;
  /** Ends what was started to reach it, and nothing else. */
  stop(): Promise<void>;
}

type Where = Pick<Config, 'databaseUrl' | 'dataFolder'>;

/** The database that is there: the operator's, that of the gateway that runs on this folder, or the embedded one, started for this. */
export async function reachDatabase({ databaseUrl, dataFolder }: Where): Promise<ReachedDatabase> {
  if (databaseUrl !== null) return { connection: { connectionString: databaseUrl.reveal() }, stop: async () => {} };
  const home = await realpath(join(dataFolder, 'postgres')).catch(() => null);
  const there =
    home !== null &&
    (await access(join(home, 'cluster', 'PG_VERSION')).then(
      () => true,
      () => false,
    ));
  if (home === null || !there) throw new DatabaseUnusable(`TESSERA_DATA holds no database: ${dataFolder}.`);
  return (await runningOn(home)) ?? (await startEmbedded(dataFolder));
}

/** The same for one that is to be filled: an embedded one is made where there is none, and must not be in use. */
export async function reachTarget({ databaseUrl, dataFolder }: Where): Promise<ReachedDatabase> {
  if (databaseUrl !== null) return { connection: { connectionString: databaseUrl.reveal() }, stop: async () => {} };
  return startEmbedded(dataFolder);
}

async function startEmbedded(dataFolder: string): Promise<ReachedDatabase> {
  const embedded = await EmbeddedPostgres.start(dataFolder);
  return { connection: embedded.connection, stop: () => embedded.stop() };
}

async function runningOn(home: string): Promise<ReachedDatabase | null> {
  const connection = { host: await socketFolderOf(home), port: SOCKET_PORT, user: SUPERUSER, database: DATABASE };
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return { connection, stop: async () => {} };
  } catch {
    return null;
  } finally {
    await client.end().catch(() => {});
  }
}
