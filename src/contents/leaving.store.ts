import type { Sql } from '../database/index.js';
import { inLockOrder } from './lock-order.store.js';

/** Drafts that have a blob on the connection; open ones are few, so the look begins with them. */
export function openDraftsOn(sql: Sql, connection: string): Promise<{ account: string; id: string }[]> {
  return sql.query(
    `select distinct c.account, c.id from contents c
     join shards s on s.account = c.account and s.content = c.id
     join blobs b on b.account = s.account and b.id = s.blob
     where c.state = 'open' and b.connection = $1`,
    [connection],
  );
}

/**
 * What lay on a removed connection is gone from here: missing, where a content still wants it, which shows in its
 * placement until the content itself goes; else nothing to be looked for any more. A batch in the order of names, after
 * the given one; answers where it ended and how much was new, null at the end.
 */
export async function settleRemovedBlobs(
  sql: Sql,
  connection: string,
  after: string,
  most: number,
): Promise<{ last: string; settled: number } | null> {
  const rows = await sql.query<{ last: string | null; settled: number }>(
    `with part as (
       select account, id, name, state <> 'gone' as fresh from blobs where connection = $1 and name > $2 order by name limit $3
     ), held as (
       ${inLockOrder('part p join blobs b on b.account = p.account and b.id = p.id')}
     ), wanted as (
       select p.account, p.id, p.fresh, exists (
         select 1 from shards s join contents c on c.account = s.account and c.id = s.content
         where s.account = p.account and s.blob = p.id and c.state in ('open', 'published')) as still
       from part p join held h on h.account = p.account and h.id = p.id
     ), settled as (
       update blobs b set state = 'gone', looked_at = now(), absent_looks = case when w.still then 0 else 2 end
       from wanted w where b.account = w.account and b.id = w.id and (w.fresh or not w.still and b.absent_looks < 2)
       returning w.fresh
     )
     select (select max(name) from part) as last, (select count(*) from settled where fresh) as settled`,
    [connection, after, most],
  );
  const { last, settled } = rows[0]!;
  return last === null ? null : { last, settled };
}

export interface Leaving {
  /** Blobs that lie there, and their sealed bytes. */
  readonly blobs: number;
  readonly blobBytes: number;
  /** Accounts whose contents are touched. */
  readonly accounts: number;
  /** Files, in the trash too, of which a version could not be read any more, and those contents' bytes. */
  readonly unreadableFiles: number;
  readonly unreadableBytes: number;
  /** Files that would still be read, with fewer losses to spare. */
  readonly degradedFiles: number;
  readonly degradedBytes: number;
}

/**
 * Which contents a connection holds a part of, and whether the rest would do without it: every chunk needs as many standing
 * shards elsewhere as its spread has data shards.
 */
const TOUCHED = `
  here as (
    select distinct s.account, s.content, s.chunk from blobs b
    join shards s on s.account = b.account and s.blob = b.id
    where b.connection = $1 and b.state in ('intended', 'live')
  ), left_over as (
    select h.account, h.content, h.chunk, min(p.data) as data, count(b.id) filter (where b.state = 'live' and b.fault is null
      and b.connection <> $1 and k.removed_at is null and k.given_up_at is null) as shards
    from here h join shards s on s.account = h.account and s.content = h.content and s.chunk = h.chunk
    join blobs b on b.account = s.account and b.id = s.blob
    left join connections k on k.id = b.connection
    join chunk_spreads p on p.account = h.account and p.content = h.content and p.chunk = h.chunk
    group by h.account, h.content, h.chunk
  ), touched as (
    select c.account, c.id, c.size, bool_or(l.shards < l.data) as unreadable
    from left_over l join contents c on c.account = l.account and c.id = l.content
    where c.state = 'published' group by c.account, c.id, c.size
  ), files as (
    select v.account, v.file, bool_or(t.unreadable) as unreadable
    from touched t join versions v on v.account = t.account and v.content = t.id group by v.account, v.file
  )`;

export async function leavingOf(sql: Sql, connection: string): Promise<Leaving> {
  const rows = await sql.query<{ [Key in keyof Leaving]: number }>(
    `with ${TOUCHED}, lying as (
       select count(*) as blobs, coalesce(sum(length), 0)::bigint as bytes from blobs
       where connection = $1 and state in ('intended', 'live')
     ), held as (
       select count(distinct account) as accounts,
         coalesce(sum(size) filter (where unreadable), 0)::bigint as unreadable,
         coalesce(sum(size) filter (where not unreadable), 0)::bigint as degraded from touched
     )
     select lying.blobs, lying.bytes as "blobBytes", held.accounts, held.unreadable as "unreadableBytes",
       held.degraded as "degradedBytes",
       (select count(*) from files where unreadable) as "unreadableFiles",
       (select count(*) from files where not unreadable) as "degradedFiles"
     from lying, held`,
    [connection],
  );
  return rows[0]!;
}

/**
 * Whether an immutable original could not be read any more without the connection. One that has not answered for so long
 * that it was given up by itself holds nothing that anybody could keep.
 */
export async function holdsOriginals(sql: Sql, connection: string): Promise<boolean> {
  const rows = await sql.query(
    `with ${TOUCHED}
     select 1 from files f
     where f.unreadable and exists (select 1 from immutable_folders i where i.account = f.account and i.until > now())
       and not exists (select 1 from connections where id = $1 and given_up_at is not null and given_up_by is null)
       and is_immutable(f.account, f.file) limit 1`,
    [connection],
  );
  return rows.length > 0;
}

/** Some of an account's files that hang on the connection, the unreadable ones first. */
export function leavingFiles(
  sql: Sql,
  connection: string,
  account: string,
  most: number,
): Promise<{ file: string; unreadable: boolean }[]> {
  return sql.query(
    `with ${TOUCHED} select file, unreadable from files where account = $2 order by unreadable desc, file limit $3`,
    [connection, account, most],
  );
}
