import type { Sql } from '../database/index.js';

export async function generationsOf(sql: Sql, ids: readonly string[]): Promise<Map<string, number>> {
  const rows = await sql.query<{ id: string; generation: number }>(
    'select id, generation from connections where id = any ($1) and removed_at is null',
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row.generation]));
}

/**
 * Nothing of what opened the place stays in its row, and no address of somebody's. What it was called does, so that those
 * whose files lay there can be told where.
 */
export async function forgetConnection(sql: Sql, id: string): Promise<void> {
  await sql.execute(
    `update connections set removed_at = now(), updated_at = now(), generation = generation + 1, credentials = null,
       credential_key = null, credential_epoch = null, settings = '{}', identity = id::text, domain = 'removed', last_error = null
     where id = $1`,
    [id],
  );
  for (const table of ['space_slabs', 'oauth_grants']) {
    await sql.execute(`delete from ${table} where connection = $1`, [id]);
  }
}

/** Whether anybody's new chunks are to go to this connection by name. */
export async function isChosenBy(sql: Sql, id: string, account: string | null): Promise<boolean> {
  const rows = await sql.query<{ found: boolean }>(
    `select exists (select 1 from spreads where $1 = any (connections) and ($2::uuid is null or account = $2)) as found`,
    [id, account],
  );
  return rows[0]?.found ?? false;
}
