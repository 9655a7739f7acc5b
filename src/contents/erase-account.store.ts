import type { Sql } from '../database/index.js';
import { inLockOrder } from './lock-order.store.js';

/** Destroys the keys of all contents of an account, of drafts too: whoever fills one finds it given up. */
export async function eraseContents(sql: Sql, account: string): Promise<number> {
  const erased = await sql.execute(
    `update contents set state = case state when 'open' then 'abandoned' else 'erased' end, wrapped_key = null,
       ended_at = now()
     where account = $1 and state in ('open', 'published')`,
    [account],
  );
  // None begins any more. The blobs that shards were on their way to are condemned with all others.
  await sql.execute('delete from moves where account = $1', [account]);
  return erased;
}

/** Condemns an account's blobs, a batch in the order of ids after the given one; answers where it ended, null at the end. */
export async function condemnBlobs(sql: Sql, account: string, after: string, most: number): Promise<string | null> {
  const rows = await sql.query<{ last: string | null }>(
    `with part as (
       select id from blobs where account = $1 and id > $2 order by id limit $3
     ), held as (
       ${inLockOrder(`part p join blobs b on b.account = $1 and b.id = p.id and b.state in ('intended', 'live')`)}
     ), condemned as (
       update blobs b set state = 'condemned', condemned_at = now() from held h where b.account = $1 and b.id = h.id
     )
     select max(id::text)::uuid as last from part`,
    [account, after, most],
  );
  return rows[0]?.last ?? null;
}

/** Deletes some contents with their chunks, pages and shards, once no version names them; the blobs' rows stay. */
export function dropContents(sql: Sql, account: string, most: number): Promise<number> {
  return sql.execute(
    `delete from contents where account = $1 and id in (
       select id from contents where account = $1 and state in ('abandoned', 'erased') limit $2)`,
    [account, most],
  );
}

/** Where blobs of an account are still to be deleted, and how many. */
export function condemnedOf(sql: Sql, account: string): Promise<{ connection: string; blobs: number }[]> {
  return sql.query(
    `select connection, count(*) as blobs from blobs where account = $1 and state = 'condemned'
     group by connection order by connection`,
    [account],
  );
}

/** What lies on this connection is not deleted any more: nobody will reach it, or it is known to be empty. */
export async function giveUpBlobs(sql: Sql, account: string, connection: string): Promise<number> {
  return sql.execute(
    `with held as (
       ${inLockOrder(`blobs b where b.account = $1 and b.connection = $2 and (b.state <> 'gone' or b.absent_looks < 2)`)}
     )
     update blobs b set state = 'gone', looked_at = now(), absent_looks = 2 from held h where b.account = $1 and b.id = h.id`,
    [account, connection],
  );
}

export async function dropQuota(sql: Sql, account: string): Promise<void> {
  for (const table of ['quota_slabs', 'quota_usage']) {
    await sql.execute(`delete from ${table} where account = $1`, [account]);
  }
}
