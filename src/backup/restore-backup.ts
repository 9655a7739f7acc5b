import type pg from 'pg';
import type { PoolConfig } from 'pg';
import type { RootEpoch } from '#crypto';
import { writeEntry } from '../audit/index.js';
import { replaceHold } from '../connections/index.js';
import { copyIn, fillDatabase, knownMigrations, lookAtTarget, openClient, type Sql, sqlOn } from '../database/index.js';
import {
  analyzeAll,
  beginFeed,
  dropForeignKeys,
  emptyFirst,
  endGateways,
  jumpSequences,
  putBackForeignKeys,
  setSequence,
  setTriggers,
} from './after-restore.store.js';
import { BackupTooNew, DatabaseNotEmpty } from './errors.js';
import { keyFor, readBackup, type ReadBackup } from './read-backup.js';
import type { Begin, Table } from './records.js';
import { copyInto, speakPlainly, tablesToKeep } from './tables.store.js';

export interface RestoreOrder {
  readonly path: string;
  readonly keys: readonly RootEpoch[];
  /** Reached only when the file has proved to be whole. Whoever answers it ends it. */
  readonly reach: () => Promise<PoolConfig>;
  /** How to call the database in a message. */
  readonly where: string;
  readonly say?: (line: string) => void;
}

/**
 * Restores a backup into an empty database. The whole file is read and checked before the database is touched, and once more
 * while its rows go in, in one transaction; from before the first change until after the last a mark stands there under
 * which no gateway starts. So whatever happens, the database is restored whole, or still to be restored.
 */
export async function restoreBackup(order: RestoreOrder): Promise<ReadBackup> {
  const { path } = order;
  const key = await keyFor(path, order.keys);
  order.say?.('Reading the whole backup, to see that it is whole …');
  const read = await readBackup(path, key);
  await refuseNewer(read.begin);
  order.say?.(`It shows ${read.begin.madeAt}: ${read.tables} tables, ${read.rows} rows. Restoring …`);
  const connection = await order.reach();
  if ((await lookAtTarget(connection)) === 'used') throw new DatabaseNotEmpty(order.where);
  await fillDatabase(connection, new Set(read.begin.migrations), {
    fill: () => withClient(connection, (client) => fill(client, path, key, read)),
    finish: () => withClient(connection, (client) => finish(client, read.begin)),
  });
  return read;
}

async function refuseNewer({ migrations }: Begin): Promise<void> {
  const known = new Set(await knownMigrations());
  const unknown = migrations.find((name) => !known.has(name));
  if (unknown !== undefined) throw new BackupTooNew(unknown);
}

async function fill(client: pg.Client, path: string, key: RootEpoch, expected: ReadBackup): Promise<void> {
  const sql = sqlOn(client);
  await speakPlainly(sql);
  await inTransaction(sql, async () => {
    const tables = await tablesToKeep(sql);
    const names = tables.map(({ name }) => name);
    const foreignKeys = await dropForeignKeys(sql);
    await setTriggers(sql, names, false);
    for (const name of names) await emptyFirst(sql, name);
    const read = await readBackup(path, key, (table, rows) => copyIn(client, copyInto(inSchema(table, names)), rows));
    if (read.digest !== expected.digest) throw new Error('The file was changed while it was restored.');
    for (const [name, last] of Object.entries(read.begin.sequences)) await setSequence(sql, name, last);
    await setTriggers(sql, names, true);
    await putBackForeignKeys(sql, foreignKeys);
  });
}

function inSchema(table: Table, names: readonly string[]): Table {
  if (!names.includes(table.name))
    throw new Error(`The backup has a table ${table.name}, and its own migrations do not.`);
  return table;
}

/** What was true of a running gateway is not true of a copy of its database. The hold is there before any gateway can be. */
async function finish(client: pg.Client, begin: Begin): Promise<void> {
  const sql = sqlOn(client);
  await inTransaction(sql, async () => {
    await jumpSequences(sql);
    await endGateways(sql);
    await beginFeed(sql);
    const hold = {
      id: begin.id,
      why: 'restored',
      by: null,
      backup: begin.id,
      backupMadeAt: new Date(begin.madeAt),
    } as const;
    await replaceHold(sql, hold);
    await writeEntry(sql, {
      action: 'gateway.restored',
      subject: begin.id,
      details: { madeAt: begin.madeAt, migrations: begin.migrations.length },
    });
    await sql.query('drop table unfinished_restore');
  });
  await analyzeAll(sql);
}

async function inTransaction(sql: Sql, work: () => Promise<void>): Promise<void> {
  await sql.query('begin');
  try {
    await work();
    await sql.query('commit');
  } catch (error) {
    await sql.query('rollback').catch(() => {});
    throw error;
  }
}

async function withClient(connection: PoolConfig, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = await openClient(connection);
  try {
    await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
