import type { Sql } from '../database/index.js';

export async function secondsSinceRemoval(sql: Sql, connection: string): Promise<number> {
  const rows = await sql.query<{ age: number }>(
    'select extract(epoch from now() - removed_at)::float8 as age from connections where id = $1',
    [connection],
  );
  return rows[0]?.age ?? Infinity;
}
