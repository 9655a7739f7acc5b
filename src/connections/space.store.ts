import type { Sql } from '../database/index.js';

/** What other gateways have set aside there; the connection's row is locked until the transaction ends. */
export async function lockSpace(sql: Sql, connection: string, gateway: string): Promise<number> {
  await sql.query('select 1 from connections where id = $1 for update', [connection]);
  const rows = await sql.query<{ granted: number }>(
    `select coalesce(sum(s.granted), 0)::bigint as granted from space_slabs s join gateways g on g.id = s.gateway
     where s.connection = $1 and s.gateway <> $2 and g.alive_until > now()`,
    [connection, gateway],
  );
  return rows[0]?.granted ?? 0;
}

export async function setSpaceSlab(sql: Sql, connection: string, gateway: string, granted: number): Promise<void> {
  await sql.query(
    `insert into space_slabs (connection, gateway, granted) values ($1, $2, $3)
     on conflict (connection, gateway) do update set granted = excluded.granted`,
    [connection, gateway, granted],
  );
}
