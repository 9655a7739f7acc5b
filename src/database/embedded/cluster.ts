import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdir, readFile, realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DatabaseUnusable } from '../faults.js';
import type { Rank } from './rank.js';

export const SUPERUSER = 'tessera';
export const DATABASE = 'postgres';
export const SOCKET_PORT = 5432;
const MAJOR_VERSION = '18';

/** The cluster's files; made on the first start, whole or not at all. */
export async function makeCluster(home: string, initdb: string, rank: Rank, durable: boolean): Promise<string> {
  const cluster = join(home, 'cluster');
  const version = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => null);
  if (version !== null) {
    if (version.trim() === MAJOR_VERSION) return cluster;
    throw new DatabaseUnusable(
      `TESSERA_DATA holds a database of Postgres ${version.trim()}; this is Postgres ${MAJOR_VERSION}.`,
    );
  }
  const unfinished = join(home, 'cluster.unfinished');
  await rm(unfinished, { recursive: true, force: true });
  // The built-in locale sorts by code point on every platform and in every release: no index is ever broken by an update.
  const locale = ['--no-locale', '--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const login = [`--username=${SUPERUSER}`, '--auth-local=trust', '--auth-host=reject'];
  const [command, ...args] = [
    ...rank.prefix,
    initdb,
    '-D',
    unfinished,
    ...locale,
    ...login,
    ...(durable ? [] : ['--no-sync']),
  ];
  try {
    await promisify(execFile)(command!, args, { ...rank.spawn, env: { LC_ALL: 'C' } });
  } catch (error) {
    throw new DatabaseUnusable(`TESSERA_DATA cannot take the embedded database: ${lastLine(error)}`, { cause: error });
  }
  await rename(unfinished, cluster);
  return cluster;
}

/** A folder for the cluster and what belongs to it, ours alone. */
export async function makeHome(dataFolder: string): Promise<string> {
  const home = join(dataFolder, 'postgres');
  try {
    // Others may pass through the data folder (Postgres may have to, in another rank), but not look around in it.
    await mkdir(dataFolder, { recursive: true, mode: 0o711 });
    await mkdir(home, { recursive: true, mode: 0o700 });
    return await realpath(home);
  } catch (error) {
    throw new DatabaseUnusable(`TESSERA_DATA cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

export function clusterName(cluster: string): string {
  return `tessera-${createHash('sha256').update(cluster).digest('hex').slice(0, 16)}`;
}

/** Modest, for a machine that does other things too. What makes a commit durable stays on. */
export function settingsFor(socketFolder: string, name: string, durable: boolean): string[] {
  const settings: Record<string, string | number> = {
    cluster_name: name,
    listen_addresses: '',
    unix_socket_directories: socketFolder,
    unix_socket_permissions: '0700',
    port: SOCKET_PORT,
    // The one that is not durable is shared by the gateways of a whole test run.
    max_connections: durable ? 60 : 240,
    shared_buffers: '128MB',
    wal_level: 'minimal',
    max_wal_senders: 0,
    max_wal_size: '2GB',
    min_wal_size: '256MB',
    wal_compression: 'pglz',
    checkpoint_timeout: '15min',
    jit: 'off',
    // The log gets no statement and no detail: either may hold what a user typed.
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    fsync: durable ? 'on' : 'off',
    synchronous_commit: 'on',
    full_page_writes: durable ? 'on' : 'off',
  };
  return Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return (stderr?.trim() || message).split('\n').at(-1)!;
}
