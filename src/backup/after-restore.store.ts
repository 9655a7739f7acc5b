import type { Sql } from '../database/index.js';

interface ForeignKey {
  readonly table: string;
  readonly name: string;
  readonly definition: string;
}

/** Taken away while rows arrive table by table, and put back when all are there, which checks every row. */
export async function dropForeignKeys(sql: Sql): Promise<ForeignKey[]> {
  const keys = await sql.query<ForeignKey & { table: string }>(
    `select conrelid::regclass::text as table, quote_ident(conname) as name, pg_get_constraintdef(oid) as definition
     from pg_constraint where contype = 'f' and conparentid = 0 and connamespace = current_schema()::regnamespace
     order by 1, 2`,
  );
  for (const { table, name } of keys) await sql.query(`alter table ${table} drop constraint ${name}`);
  return keys;
}

export async function putBackForeignKeys(sql: Sql, keys: readonly ForeignKey[]): Promise<void> {
  for (const { table, name, definition } of keys) {
    await sql.query(`alter table ${table} add constraint ${name} ${definition}`);
  }
}

/** Our triggers write what has happened; nothing happens while rows come back. */
export async function setTriggers(sql: Sql, tables: readonly string[], on: boolean): Promise<void> {
  for (const table of tables) await sql.query(`alter table "${table}" ${on ? 'enable' : 'disable'} trigger user`);
}

/** Migrations put a first row into some tables; the backup has that row as it became. */
export async function emptyFirst(sql: Sql, table: string): Promise<void> {
  const [found] = await sql.query<{ any: boolean }>(`select exists (select from "${table}") as any`);
  if (found!.any) await sql.query(`delete from "${table}"`);
}

export async function setSequence(sql: Sql, name: string, last: string | null): Promise<void> {
  if (last !== null) await sql.query(`select setval(quote_ident($1)::regclass, $2::bigint)`, [name, last]);
}

/**
 * Numbers that order who may write go on beyond any that the lost database can have given out since: some of them lie
 * outside, in Redis. The blobs' own stays where it was: by it the markers tell that they are ahead.
 */
const BEYOND = 1_000_000_000;

export async function jumpSequences(sql: Sql): Promise<void> {
  await sql.query(
    `select setval(format('%I', sequencename)::regclass, coalesce(last_value, 0) + $1) from pg_sequences
     where schemaname = current_schema() and sequencename <> 'blob_sequence'`,
    [BEYOND],
  );
}

/** No gateway of then lives. What they held is settled by upkeep, and what they did goes back to where it waits. */
export async function endGateways(sql: Sql): Promise<void> {
  await sql.query(`update gateways set alive_until = now() where alive_until > now()`);
  await sql.query(
    `update jobs set state = 'waiting', gateway = null, next_at = now() - interval '1 minute' where ended_at is null`,
  );
  await sql.query(`update moves set lease_until = now() where lease_until > now()`);
  await sql.query(`update oauth_grants set claimed_until = null where claimed_until is not null`);
  // How long a place has been failing is to be seen anew: nobody has looked since.
  await sql.query(`update connections set generation = generation + 1, failing_since = null, failures = 0`);
}

/** Programs that follow changes begin anew: the numbers of what they have seen mean other transactions here, or none. */
export async function beginFeed(sql: Sql): Promise<void> {
  await sql.query(`delete from change_feed`);
  await sql.query(
    `insert into change_feed (cluster, forgotten_until)
     select system_identifier::text, pg_current_xact_id() from pg_control_system()`,
  );
}

export async function analyzeAll(sql: Sql): Promise<void> {
  await sql.query('analyze');
}
