import type { Sql } from '../database/index.js';

export type Condition = 'alarm' | 'failing' | 'full' | 'losses' | 'needs-reconnect';

export interface WatchedConnection {
  readonly id: string;
  readonly enabled: boolean;
  readonly alarm: boolean;
  /** Something on it is known to be missing or damaged, and is not made anew elsewhere yet. */
  readonly losses: boolean;
  readonly needsReconnect: boolean;
  readonly failures: number;
  readonly failingMs: number | null;
  readonly total: number | null;
  readonly free: number | null;
  /** What was told, and not taken back since. */
  readonly alerted: Condition[];
}

const FACTS = `id, enabled, alarm is not null as alarm, needs_reconnect_at is not null as "needsReconnect", failures,
  extract(epoch from now() - failing_since)::double precision * 1000 as "failingMs",
  space_total as total, space_free as free, alerted, exists (
    select 1 from blobs b where b.connection = connections.id and b.state = 'live' and b.fault is not null) as losses`;

export function watchedConnections(sql: Sql): Promise<WatchedConnection[]> {
  return sql.query(`select ${FACTS} from connections where removed_at is null order by id`);
}

export async function lockWatched(sql: Sql, id: string): Promise<WatchedConnection | undefined> {
  const rows = await sql.query<WatchedConnection>(
    `select ${FACTS} from connections where id = $1 and removed_at is null for update`,
    [id],
  );
  return rows[0];
}

export async function noteAlerted(sql: Sql, id: string, alerted: readonly Condition[]): Promise<void> {
  await sql.execute('update connections set alerted = $2 where id = $1', [id, alerted]);
}

export async function insertAlert(
  sql: Sql,
  alert: { id: string; connection: string; condition: Condition; raised: boolean },
): Promise<void> {
  await sql.execute('insert into alerts (id, connection, condition, raised) values ($1, $2, $3, $4)', [
    alert.id,
    alert.connection,
    alert.condition,
    alert.raised,
  ]);
}

export interface AlertRow {
  readonly id: string;
  readonly connection: string;
  readonly provider: string;
  readonly house: boolean;
  readonly condition: Condition;
  readonly raised: boolean;
  readonly created_at: Date;
  readonly delivered_at: Date | null;
}

export async function alertById(sql: Sql, id: string): Promise<AlertRow | undefined> {
  const rows = await sql.query<AlertRow>(
    `select a.id, a.connection, c.provider, c.account is null as house, a.condition, a.raised, a.created_at,
       a.delivered_at
     from alerts a join connections c on c.id = a.connection where a.id = $1`,
    [id],
  );
  return rows[0];
}

export async function noteDelivered(sql: Sql, id: string): Promise<void> {
  await sql.execute('update alerts set delivered_at = coalesce(delivered_at, now()) where id = $1', [id]);
}

export async function forgetOldAlerts(sql: Sql): Promise<void> {
  await sql.execute(`delete from alerts where created_at < now() - interval '90 days'`);
}
