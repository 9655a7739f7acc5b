import type { Sql } from '../database/index.js';

/** Longer than a garbage collection, a failover or a slow disk; shorter than anybody waits for a sweep. */
const LEASE = `interval '30 seconds'`;

export async function addGateway(sql: Sql, id: string): Promise<void> {
  await sql.query(`insert into gateways (id, alive_until) values ($1, now() + ${LEASE})`, [id]);
}

export async function renewGateway(sql: Sql, id: string): Promise<boolean> {
  const text = `update gateways set alive_until = now() + ${LEASE} where id = $1 and alive_until > now()`;
  return (await sql.execute(text, [id])) > 0;
}

export async function endGateway(sql: Sql, id: string): Promise<void> {
  await sql.execute('update gateways set alive_until = now() where id = $1', [id]);
}

/** Gateways whose lease ran out. Several sweepers may settle what they held: the second finds nothing left. */
export function deadGateways(sql: Sql): Promise<{ id: string }[]> {
  return sql.query('select id from gateways where alive_until <= now()');
}

export async function forgetGateway(sql: Sql, id: string): Promise<void> {
  await sql.execute('delete from gateways where id = $1', [id]);
}

export async function isAlive(sql: Sql, id: string): Promise<boolean> {
  return (await sql.query('select 1 from gateways where id = $1 and alive_until > now()', [id])).length > 0;
}

export async function aliveGateways(sql: Sql): Promise<Set<string>> {
  const rows = await sql.query<{ id: string }>('select id from gateways where alive_until > now()');
  return new Set(rows.map((row) => row.id));
}
