import type { Sql } from '../database/index.js';

/** An account's unfinished uploads: their names and where they were to go. What is stored of them lies with the contents. */
export async function dropUploads(sql: Sql, account: string): Promise<void> {
  await sql.execute('delete from uploads where account = $1', [account]);
}
