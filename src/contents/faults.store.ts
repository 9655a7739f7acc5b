import type { Sql } from '../database/index.js';

export type BlobFault = 'missing' | 'damaged';

/**
 * Notes what was observed of live blobs that a shard still needs: the bytes are not there, or not what was stored. The first
 * observation keeps its date. Answers how many are newly faulty; those that were condemned meanwhile are not.
 */
export async function noteFaults(
  sql: Sql,
  blobs: readonly { account: string; blob: string }[],
  fault: BlobFault,
): Promise<number> {
  const rows = await sql.query<{ fresh: boolean }>(
    `with seen as (
       select b.account, b.id, b.fault is null as fresh from blobs b
       join unnest($1::uuid[], $2::uuid[]) as f(account, id) on b.account = f.account and b.id = f.id
       where b.state = 'live' and b.fault is distinct from $3
       order by b.account, b.id for update of b
     )
     update blobs b set fault = $3, fault_at = coalesce(b.fault_at, now())
     from seen where b.account = seen.account and b.id = seen.id returning seen.fresh`,
    [blobs.map(({ account }) => account), blobs.map(({ blob }) => blob), fault],
  );
  return rows.filter(({ fresh }) => fresh).length;
}
