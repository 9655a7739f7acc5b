import type { Sql } from '../../database/index.js';
import type { LyingHere } from './lying-here.js';

export interface DrainRow {
  readonly account: string | null;
  readonly drain_since: Date | null;
  /** Blobs that lay there when the drain began. */
  readonly drain_blobs: number | null;
}

export async function drainOf(sql: Sql, connection: string): Promise<DrainRow | undefined> {
  const rows = await sql.query<DrainRow>(
    'select account, drain_since, drain_blobs from connections where id = $1 and removed_at is null',
    [connection],
  );
  return rows[0];
}

/** From the commit on nothing new is planned there, in this gateway; in others within seconds. */
export async function beginDrain(sql: Sql, connection: string): Promise<void> {
  await sql.execute(
    `update connections set drain_since = now(), updated_at = now(), drain_blobs = (
       select count(*) from blobs where connection = $1 and state in ('intended', 'live'))
     where id = $1 and drain_since is null`,
    [connection],
  );
}

/** False where none was under way. */
export async function endDrain(sql: Sql, connection: string): Promise<boolean> {
  const text = `update connections set drain_since = null, drain_blobs = null, updated_at = now()
    where id = $1 and drain_since is not null`;
  return (await sql.execute(text, [connection])) > 0;
}

/** What lies on a connection and belongs to a published content, a batch in the order of names, after the given one. */
export function shardsOn(sql: Sql, connection: string, after: string, most: number): Promise<LyingHere[]> {
  return sql.query(
    `select s.account, s.content, s.chunk, s.shard, s.blob, b.name from blobs b
     join shards s on s.account = b.account and s.blob = b.id
     join contents c on c.account = s.account and c.id = s.content and c.state = 'published'
     where b.connection = $1 and b.state = 'live' and b.name > $2 order by b.name limit $3`,
    [connection, after, most],
  );
}

export async function blobsOn(sql: Sql, connection: string): Promise<number> {
  const rows = await sql.query<{ blobs: number }>(
    `select count(*) as blobs from blobs where connection = $1 and state in ('intended', 'live')`,
    [connection],
  );
  return rows[0]?.blobs ?? 0;
}

export interface LeftThere {
  readonly blobs: number;
  /** Of those, what belongs to uploads that are under way. */
  readonly drafts: number;
}

export async function leftOn(sql: Sql, connection: string): Promise<LeftThere> {
  const rows = await sql.query<LeftThere>(
    `select count(*) as blobs, count(*) filter (where exists (
       select 1 from shards s join contents c on c.account = s.account and c.id = s.content and c.state = 'open'
       where s.account = b.account and s.blob = b.id)) as drafts
     from blobs b where b.connection = $1 and b.state in ('intended', 'live')`,
    [connection],
  );
  return rows[0] as LeftThere;
}

/** Drained connections on which something lies: what another gateway had planned there a moment before, or a job that ended. */
export function undrained(sql: Sql): Promise<{ id: string; account: string | null }[]> {
  return sql.query(
    `select id, account from connections k where drain_since is not null and removed_at is null and exists (
       select 1 from blobs b where b.connection = k.id and b.state in ('intended', 'live'))`,
  );
}
