import type { Sql } from '../database/index.js';

export type Condition = 'alarm' | 'failing' | 'full' | 'losses' | 'needs-reconnect';

/** What is about the gateway itself, and no connection. */
export type GatewayCondition = 'backup-overdue';

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

/**
 * How old the newest backup is that was proved and is still there, or the first account where there is none; and for how
 * long somebody has been there to make one.
 */
export async function newestBackup(sql: Sql): Promise<{ ageSeconds: number; watchedSeconds: number }> {
  const rows = await sql.query<{ age: number | null; watched: number | null }>(
    `select extract(epoch from now() - coalesce((select max(made_at) from backups where expired_at is null),
         (select min(created_at) from accounts)))::double precision as age,
       (select extract(epoch from now() - min(started_at))::double precision from gateways where alive_until > now()) as watched`,
  );
  return { ageSeconds: rows[0]?.age ?? 0, watchedSeconds: rows[0]?.watched ?? 0 };
}

/** Raises what is about the gateway itself; false where that stands already. */
export async function raiseStanding(sql: Sql, id: string, condition: GatewayCondition): Promise<boolean> {
  const added = await sql.execute(
    `insert into alerts (id, condition, raised) values ($1, $2, true)
     on conflict (condition) where connection is null and raised and not over do nothing`,
    [id, condition],
  );
  return added > 0;
}

/** The same when it is over; false where nothing was raised. */
export async function clearStanding(sql: Sql, id: string, condition: GatewayCondition): Promise<boolean> {
  const added = await sql.execute(
    `with ended as (
       update alerts set over = true where connection is null and condition = $2 and raised and not over returning condition
     )
     insert into alerts (id, condition, raised) select $1, condition, false from ended`,
    [id, condition],
  );
  return added > 0;
}

export interface AlertRow {
  readonly id: string;
  readonly connection: string | null;
  readonly provider: string | null;
  readonly house: boolean;
  readonly condition: Condition | GatewayCondition;
  readonly raised: boolean;
  readonly created_at: Date;
  readonly delivered_at: Date | null;
}

export async function alertById(sql: Sql, id: string): Promise<AlertRow | undefined> {
  const rows = await sql.query<AlertRow>(
    `select a.id, a.connection, c.provider, c.account is null as house, a.condition, a.raised, a.created_at,
       a.delivered_at
     from alerts a left join connections c on c.id = a.connection where a.id = $1`,
    [id],
  );
  return rows[0];
}

export async function noteDelivered(sql: Sql, id: string): Promise<void> {
  await sql.execute('update alerts set delivered_at = coalesce(delivered_at, now()) where id = $1', [id]);
}

export async function forgetOldAlerts(sql: Sql): Promise<void> {
  const standing = 'connection is null and raised and not over';
  await sql.execute(`delete from alerts where created_at < now() - interval '90 days' and not (${standing})`);
}
