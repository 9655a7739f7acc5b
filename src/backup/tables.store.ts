import type { Sql } from '../database/index.js';
import type { Table } from './records.js';

/**
 * What is not worth keeping, or must not come back: signed-in browsers and links that were sent (some were ended or used
 * since); the list of changes, whose order is that of one database cluster's transactions.
 */
const LEFT_OUT = ['migrations', 'unfinished_restore', 'sessions', 'one_time_links', 'changes', 'change_feed'];

/** One moment of the whole database, in which nothing that commits later shows; it waits for one that cannot be refused afterwards. */
export const BEGIN_SNAPSHOT = 'begin isolation level serializable read only deferrable';

/** Texts that mean the same whatever a server's own settings are. */
export async function speakPlainly(sql: Sql): Promise<void> {
  await sql.query(
    `select set_config('datestyle', 'ISO, YMD', false), set_config('timezone', 'UTC', false),
       set_config('intervalstyle', 'postgres', false), set_config('extra_float_digits', '3', false),
       set_config('bytea_output', 'hex', false), set_config('client_encoding', 'UTF8', false),
       set_config('synchronize_seqscans', 'off', false), set_config('statement_timeout', '0', false),
       set_config('idle_in_transaction_session_timeout', '0', false)`,
  );
}

/** Every table of ours, with the columns that are stored; what is not logged may vanish, and is not kept. */
export function tablesToKeep(sql: Sql): Promise<Table[]> {
  return sql.query(
    `select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
     where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       and c.relpersistence = 'p' and c.relname <> all($1)
     group by c.relname order by c.relname`,
    [LEFT_OUT],
  );
}

export async function snapshotFacts(
  sql: Sql,
): Promise<{ madeAt: string; installation: string; migrations: string[]; sequences: Record<string, string | null> }> {
  const rows = await sql.query<{
    made_at: Date;
    installation: string;
    migrations: string[];
    sequences: Record<string, string | null> | null;
  }>(
    `select now() as made_at, (select id from installation) as installation,
       (select array_agg(name::text order by id) from migrations) as migrations,
       (select json_object_agg(sequencename, last_value::text) from pg_sequences
        where schemaname = current_schema()) as sequences`,
  );
  const { made_at, installation, migrations, sequences } = rows[0]!;
  return { madeAt: made_at.toISOString(), installation, migrations, sequences: sequences ?? {} };
}

export async function fingerprintOf(sql: Sql, epoch: number): Promise<Buffer | undefined> {
  const rows = await sql.query<{ fingerprint: Buffer }>('select fingerprint from root_epochs where epoch = $1', [
    epoch,
  ]);
  return rows[0]?.fingerprint;
}

/** How many rows there are to come, as the planner guesses. */
export async function guessedRows(sql: Sql): Promise<number> {
  const rows = await sql.query<{ rows: number }>(
    `select coalesce(sum(greatest(reltuples, 0)), 0)::bigint as rows from pg_class
     where relnamespace = current_schema()::regnamespace and relkind = 'r' and relpersistence = 'p'`,
  );
  return rows[0]!.rows;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const listed = (columns: readonly string[]): string => columns.map(quoted).join(', ');

export const copyOutOf = ({ name, columns }: Table): string =>
  `copy (select ${listed(columns)} from ${quoted(name)}) to stdout`;
export const copyInto = ({ name, columns }: Table): string => `copy ${quoted(name)} (${listed(columns)}) from stdin`;

export async function databaseNow(sql: Sql): Promise<Date> {
  return (await sql.query<{ now: Date }>('select now() as now'))[0]!.now;
}
