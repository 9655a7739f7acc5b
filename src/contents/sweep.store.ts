import type { Sql } from '../database/index.js';
import { GIVEN, inLockOrder } from './lock-order.store.js';

/** Open drafts whose gateway is dead or whose own lease ran out, on the database's clock. */
export function lapsedDrafts(sql: Sql, most: number): Promise<{ account: string; id: string }[]> {
  return sql.query(
    `select c.account, c.id from contents c
     where c.state = 'open' and (c.lease_until is null or c.lease_until <= now())
       and not exists (select 1 from gateways g where g.id = c.gateway and g.alive_until > now())
     limit $1`,
    [most],
  );
}

export interface CondemnedBlob {
  account: string;
  id: string;
  connection: string;
  name: string;
}

export function condemnedBlobs(sql: Sql, connection: string, most: number): Promise<CondemnedBlob[]> {
  return sql.query(
    `select account, id, connection, name from blobs where connection = $1 and state = 'condemned'
     order by condemned_at limit $2`,
    [connection, most],
  );
}

/** Connections with blobs to delete, or tombstones to look after. */
export function connectionsToSweep(sql: Sql): Promise<{ connection: string }[]> {
  return sql.query(`select distinct connection from blobs where state in ('condemned', 'gone')`);
}

export async function markGone(sql: Sql, blobs: readonly CondemnedBlob[]): Promise<void> {
  await sql.execute(
    `with deleted as (${inLockOrder(`${GIVEN} where b.state = 'condemned'`)})
     update blobs b set state = 'gone', looked_at = now(), absent_looks = 0
     from deleted d where b.account = d.account and b.id = d.id`,
    [blobs.map((blob) => blob.account), blobs.map((blob) => blob.id)],
  );
}

/** Tombstones whose next look is due: a late upload session could have brought the blob back to life. */
export function tombstones(sql: Sql, connection: string, sessionMs: number, most: number): Promise<CondemnedBlob[]> {
  return sql.query(
    `select account, id, connection, name from blobs
     where connection = $1 and state = 'gone' and looked_at < now() - make_interval(secs => $2) limit $3`,
    [connection, sessionMs / 1000, most],
  );
}

/** Looks that two took at the same time count as one: only what is still due is noted. */
export async function noteLooks(
  sql: Sql,
  looks: readonly { blob: CondemnedBlob; absent: boolean }[],
  sessionMs: number,
): Promise<void> {
  await sql.execute(
    `with due as (
       ${inLockOrder(`${GIVEN} where b.state = 'gone' and b.looked_at < now() - make_interval(secs => $4)`)}
     )
     update blobs b set looked_at = now(), absent_looks = case when l.absent then absent_looks + 1 else 0 end
     from due d join unnest($1::uuid[], $2::uuid[], $3::boolean[]) as l(account, id, absent) on l.account = d.account and l.id = d.id
     where b.account = d.account and b.id = d.id`,
    [
      looks.map(({ blob }) => blob.account),
      looks.map(({ blob }) => blob.id),
      looks.map(({ absent }) => absent),
      sessionMs / 1000,
    ],
  );
}

/**
 * Forgets tombstones that two looks did not show, and ended contents that nothing hangs on any more. Where a connection was
 * removed nobody looks: what a content missed there is forgotten with the content.
 */
export async function forgetEnded(sql: Sql): Promise<number> {
  await sql.execute(
    `with forgotten as (
       ${inLockOrder(`contents c join shards s on s.account = c.account and s.content = c.id
         join blobs b on b.account = s.account and b.id = s.blob and b.state = 'gone' and b.absent_looks < 2
         join connections k on k.id = b.connection and k.removed_at is not null where c.state in ('abandoned', 'erased')`)}
     )
     update blobs b set absent_looks = 2 from forgotten f where b.account = f.account and b.id = f.id`,
  );
  await sql.execute(
    `delete from shards s using blobs b
     where b.account = s.account and b.id = s.blob and b.state = 'gone' and b.absent_looks >= 2`,
  );
  const blobs = await sql.execute(
    `delete from blobs b where b.state = 'gone' and b.absent_looks >= 2
       and not exists (select 1 from shards s where s.account = b.account and s.blob = b.id)
       and not exists (select 1 from moves m where m.account = b.account and m.to_blob = b.id)`,
  );
  const contents = await sql.execute(
    `delete from contents c where c.state in ('abandoned', 'erased')
       and not exists (select 1 from shards s where s.account = c.account and s.content = c.id)
       and not exists (select 1 from versions v where v.account = c.account and v.content = c.id)`,
  );
  return blobs + contents;
}
