import type { Sql } from '../database/index.js';

/** Deletes some of an account's files with all their versions. */
export async function dropFiles(sql: Sql, account: string, most: number): Promise<number> {
  const rows = await sql.query<{ id: string }>(
    `select id from nodes where account = $1 and kind = 'file' order by id limit $2 for update`,
    [account, most],
  );
  const files = rows.map(({ id }) => id);
  await sql.execute('delete from versions where account = $1 and file = any ($2)', [account, files]);
  return sql.execute('delete from nodes where account = $1 and id = any ($2)', [account, files]);
}

/** Deletes an account's folders, when they hold no file any more, and what is known of its tree beside it. */
export async function dropFolders(sql: Sql, account: string): Promise<void> {
  await sql.execute('delete from nodes where account = $1', [account]);
  for (const table of ['changes', 'lock_fences']) {
    await sql.execute(`delete from ${table} where account = $1`, [account]);
  }
}
