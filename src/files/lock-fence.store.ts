import type { Sql } from '../database/index.js';

/** The fencing token of the account's last lock; 0 when there never was one. */
export async function fenceOf(sql: Sql, account: string): Promise<number> {
  const rows = await sql.prepared<{ fence: number }>('fence-of', 'select fence from lock_fences where account = $1', [
    account,
  ]);
  return rows[0]?.fence ?? 0;
}

/** The same inside a transaction, which a further lock waits for from now on. */
export async function enterFence(sql: Sql, account: string): Promise<number> {
  const rows = await sql.prepared<{ fence: number }>('enter-fence', 'select enter_lock_fence($1) as fence', [account]);
  return rows[0]!.fence;
}

/** Waits for the writes that have entered, and makes those that enter later look at the locks again. */
export async function raiseFence(sql: Sql, account: string): Promise<void> {
  await sql.query(`select raise_lock_fence($1, nextval('fencing_tokens'))`, [account]);
}
