import type { Sql } from '../database/index.js';

/** What was seen in some time: requests, how many of them failed or were told to slow down, and bytes. */
export interface Counts {
  requests: number;
  failures: number;
  throttles: number;
  up: number;
  down: number;
}

export interface CountedHour extends Counts {
  /** Whole hours since: 0 is the one that is not over. */
  ago: number;
}

/** Adds what was seen lately to the hour that it is in the database. One statement, rows in one order: gateways do it at once. */
export async function addCounts(sql: Sql, counts: ReadonlyMap<string, Counts>): Promise<void> {
  const rows = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  const column = (name: keyof Counts): number[] => rows.map(([, row]) => row[name]);
  await sql.execute(
    `insert into connection_hours as h (connection, hour, requests, failures, throttles, up, down)
     select connection, date_trunc('hour', now()), requests, failures, throttles, up, down
     from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
       as seen (connection, requests, failures, throttles, up, down)
     on conflict (connection, hour) do update set requests = h.requests + excluded.requests,
       failures = h.failures + excluded.failures, throttles = h.throttles + excluded.throttles,
       up = h.up + excluded.up, down = h.down + excluded.down`,
    [rows.map(([id]) => id), column('requests'), column('failures'), column('throttles'), column('up'), column('down')],
  );
}

/** The last day of each, this hour and the 24 before: a day at least, wherever in the hour we are. */
export async function countedDay(sql: Sql, connections: readonly string[]): Promise<Map<string, CountedHour[]>> {
  const rows = await sql.query<CountedHour & { connection: string }>(
    `select connection, (extract(epoch from date_trunc('hour', now()) - hour) / 3600)::integer as ago,
       requests, failures, throttles, up, down
     from connection_hours where connection = any($1) and hour >= date_trunc('hour', now()) - interval '24 hours'
     order by connection, hour desc`,
    [connections],
  );
  const found = new Map<string, CountedHour[]>(connections.map((id) => [id, []]));
  for (const { connection, ...hour } of rows) found.get(connection)?.push(hour);
  return found;
}

/** Older than anybody is shown. */
export async function forgetOldHours(sql: Sql): Promise<void> {
  await sql.execute(`delete from connection_hours where hour < now() - interval '32 days'`);
}

export interface ConnectionLimitsRow {
  id: string;
  limits: Record<string, unknown>;
}

export function limitsOf(sql: Sql, connections: readonly string[]): Promise<ConnectionLimitsRow[]> {
  return sql.query('select id, limits from connections where id = any($1) and removed_at is null', [connections]);
}
