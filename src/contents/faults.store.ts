import type { Sql } from '../database/index.js';

export type BlobFault = 'missing' | 'damaged';

export interface FaultyBlob {
  readonly account: string;
  readonly blob: string;
}

/** What was not known to be faulty before, of one account on one connection. */
export interface NewFaults {
  readonly account: string;
  readonly connection: string;
  readonly blobs: number;
}

/**
 * Notes what was observed of live blobs that a shard still needs: the bytes are not there, or not what was stored. The first
 * observation keeps its date. Answers what is newly faulty; those that were condemned meanwhile are not.
 */
export async function newFaults(sql: Sql, blobs: readonly FaultyBlob[], fault: BlobFault): Promise<NewFaults[]> {
  return sql.query<NewFaults & { blobs: number }>(
    `with seen as (
       select b.account, b.id, b.fault is null as fresh from blobs b
       join unnest($1::uuid[], $2::uuid[]) as f(account, id) on b.account = f.account and b.id = f.id
       where b.state = 'live' and b.fault is distinct from $3
       order by b.account, b.id for no key update of b
     ), noted as (
       update blobs b set fault = $3, fault_at = coalesce(b.fault_at, now())
       from seen where b.account = seen.account and b.id = seen.id returning b.account, b.connection, seen.fresh
     )
     select account, connection, count(*)::int as blobs from noted where fresh group by account, connection`,
    [blobs.map(({ account }) => account), blobs.map(({ blob }) => blob), fault],
  );
}

/** How many are newly faulty. */
export async function noteFaults(sql: Sql, blobs: readonly FaultyBlob[], fault: BlobFault): Promise<number> {
  return (await newFaults(sql, blobs, fault)).reduce((sum, group) => sum + group.blobs, 0);
}
