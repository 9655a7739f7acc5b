import type { Sql } from '../database/index.js';
import { inLockOrder } from './lock-order.store.js';
import { lockUsage } from './quota.store.js';

/**
 * Begins a transaction that erases: from here on the account's quota is this transaction's. It comes before any lock on a
 * file, since closing a slab waits for uploads while it holds the same row, and uploads wait for files.
 */
export async function beginErasing(sql: Sql, account: string): Promise<void> {
  await lockUsage(sql, account);
}

/**
 * Holds published contents for further versions until the transaction ends: nobody erases them meanwhile. False when one of
 * them was erased already. Whoever makes a version of a content that is not its own (a copy) calls this first.
 */
export async function holdContents(sql: Sql, account: string, contents: readonly string[]): Promise<boolean> {
  const distinct = [...new Set(contents)].sort();
  const held = await sql.query(
    `select 1 from contents where account = $1 and id = any($2::uuid[]) and state = 'published' order by id for share`,
    [account, distinct],
  );
  return held.length === distinct.length;
}

/**
 * Erases those of the contents that no version holds any more: the wrapped key goes, the blobs are condemned, the quota is
 * free again, all in the caller's transaction, which called `beginErasing` and has deleted its versions. The lock waits for
 * whoever holds a content for a copy, or to keep a preview of it; what they added is seen after it. Upkeep deletes the blobs.
 */
export async function eraseUnheld(sql: Sql, account: string, contents: readonly string[]): Promise<number> {
  const distinct = [...new Set(contents)].sort();
  await sql.query('select 1 from contents where account = $1 and id = any($2::uuid[]) order by id for update', [
    account,
    distinct,
  ]);
  const erased = await sql.query<{ id: string }>(
    `with erased as (
       update contents c set state = 'erased', wrapped_key = null, ended_at = now()
       where c.account = $1 and c.id = any($2::uuid[]) and c.state = 'published'
         and not exists (select 1 from versions v where v.account = $1 and v.content = c.id)
       returning c.id, c.size, c.quota_slab
     ), settled as (
       update quota_usage set settled = greatest(0, settled - (
         select coalesce(sum(size), 0) from erased
         where not exists (select 1 from quota_slabs s where s.account = $1 and s.id = erased.quota_slab))::bigint)
       where account = $1
     )
     select id from erased`,
    [account, distinct],
  );
  const ids = erased.map(({ id }) => id);
  if (ids.length > 0) {
    await condemnBlobsOf(sql, account, ids);
    await erasePreviewsOf(sql, account, ids);
  }
  return ids.length;
}

/** Those that a shard lies in, and those that one was on its way to: whoever moves it finds its row gone. */
async function condemnBlobsOf(sql: Sql, account: string, contents: readonly string[]): Promise<void> {
  await sql.execute(
    `with moving as (
       delete from moves where account = $1 and content = any($2::uuid[]) returning to_blob
     ), held as (
       ${inLockOrder(`blobs b where b.account = $1 and b.state in ('intended', 'live') and b.id in (
         select blob from shards where account = $1 and content = any($2::uuid[]) union all select to_blob from moving)`)}
     )
     update blobs b set state = 'condemned', condemned_at = now() from held h where b.account = $1 and b.id = h.id`,
    [account, contents],
  );
}

/** Erases the previews of contents that are being erased, in the same transaction. */
async function erasePreviewsOf(sql: Sql, account: string, sources: readonly string[]): Promise<void> {
  const dropped = await sql.query<{ content: string }>(
    `delete from previews where account = $1 and source = any($2::uuid[]) returning content`,
    [account, sources],
  );
  const contents = dropped.map(({ content }) => content);
  if (contents.length > 0) await eraseDerived(sql, account, contents);
}

/** They took no quota, so that none is given back. What a version holds is none of them, whatever a row says. */
export async function eraseDerived(sql: Sql, account: string, contents: readonly string[]): Promise<void> {
  const erased = await sql.query<{ id: string }>(
    `update contents c set state = 'erased', wrapped_key = null, ended_at = now()
     where account = $1 and id = any($2::uuid[]) and state = 'published'
       and not exists (select 1 from versions v where v.account = $1 and v.content = c.id)
     returning id`,
    [account, contents],
  );
  await condemnBlobsOf(
    sql,
    account,
    erased.map(({ id }) => id),
  );
}
