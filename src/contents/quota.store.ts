import type { Sql } from '../database/index.js';

export interface QuotaState {
  /** Null is no limit. */
  quota: number | null;
  settled: number;
  granted: number;
}

/** Of an account that was deleted while something of it was on its way. */
const NOTHING_LEFT: QuotaState = { quota: 0, settled: 0, granted: 0 };

/**
 * Locks the account's usage row, making it at the first use, and answers what is spoken for. Two
 * statements: one that waited for the lock would count the slabs as they were when it began to wait.
 */
export async function lockUsage(sql: Sql, account: string): Promise<QuotaState> {
  await sql.query(
    `insert into quota_usage (account) select id from accounts where id = $1 and deleted_at is null
     on conflict do nothing`,
    [account],
  );
  await sql.query('select 1 from quota_usage where account = $1 for update', [account]);
  const rows = await sql.query<QuotaState>(
    `select a.quota_bytes as quota, u.settled,
       coalesce((select sum(granted) from quota_slabs s where s.account = u.account), 0)::bigint as granted
     from quota_usage u join accounts a on a.id = u.account where u.account = $1`,
    [account],
  );
  return rows[0] ?? NOTHING_LEFT;
}

export async function addSlab(
  sql: Sql,
  slab: { account: string; id: string; gateway: string; granted: number },
): Promise<void> {
  await sql.query('insert into quota_slabs (account, id, gateway, granted) values ($1, $2, $3, $4)', [
    slab.account,
    slab.id,
    slab.gateway,
    slab.granted,
  ]);
}

/** Makes an open slab larger; false when it was closed meanwhile. */
export async function growSlab(sql: Sql, slab: { account: string; id: string; by: number }): Promise<boolean> {
  const text = 'update quota_slabs set granted = granted + $3 where account = $1 and id = $2';
  return (await sql.execute(text, [slab.account, slab.id, slab.by])) > 0;
}

/** Gives back what a slab has left above what it needs; the caller holds the usage row. */
export async function shrinkSlab(sql: Sql, slab: { account: string; id: string; by: number }): Promise<boolean> {
  const text = 'update quota_slabs set granted = granted - $3 where account = $1 and id = $2 and granted >= $3';
  return (await sql.execute(text, [slab.account, slab.id, slab.by])) > 0;
}

export function slabsOfGateway(sql: Sql, gateway: string): Promise<{ account: string; id: string }[]> {
  return sql.query('select account, id from quota_slabs where gateway = $1 order by account, id', [gateway]);
}

/**
 * Closes a slab: what its contents took becomes settled, the rest is free again. The lock on the
 * slab waits for publications that hold it shared, so their contents are counted; later ones find
 * it gone and take another. The caller holds the usage row.
 */
export async function settleSlab(sql: Sql, account: string, id: string): Promise<void> {
  const locked = await sql.query('select 1 from quota_slabs where account = $1 and id = $2 for update', [account, id]);
  if (locked.length === 0) return;
  await sql.query(
    `update quota_usage set settled = settled + coalesce(
       (select sum(size) from contents where account = $1 and quota_slab = $2 and state = 'published'), 0)::bigint
     where account = $1`,
    [account, id],
  );
  await sql.query('delete from quota_slabs where account = $1 and id = $2', [account, id]);
}

export async function quotaOf(sql: Sql, account: string): Promise<number | null> {
  const rows = await sql.query<{ quota: number | null }>('select quota_bytes as quota from accounts where id = $1', [
    account,
  ]);
  return rows[0]?.quota ?? null;
}

/** Bytes of published contents, whether their slab is settled or not. */
export async function usedBytes(sql: Sql, account: string): Promise<number> {
  const rows = await sql.query<{ used: number }>(
    `select (coalesce((select settled from quota_usage where account = $1), 0) + coalesce((
       select sum(c.size) from contents c join quota_slabs s on s.account = c.account and s.id = c.quota_slab
       where c.account = $1 and c.state = 'published'), 0))::bigint as used`,
    [account],
  );
  return rows[0]?.used ?? 0;
}
