import type { Sql } from '../database/index.js';
import { COLUMNS, type ConnectionRow } from './connections.store.js';

/** Nobody uses them any more; what is deleted there, whoever deletes it asks for. */
export async function disableConnectionsOf(sql: Sql, account: string): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `update connections set enabled = false, updated_at = now() where account = $1 and removed_at is null returning id`,
    [account],
  );
  return rows.map(({ id }) => id);
}

export function connectionsOf(sql: Sql, account: string): Promise<ConnectionRow[]> {
  return sql.query(
    `select ${COLUMNS} from connections where account = $1 and removed_at is null order by created_at, id`,
    [account],
  );
}

export async function dropSpread(sql: Sql, account: string): Promise<void> {
  await sql.execute('delete from spreads where account = $1', [account]);
}
