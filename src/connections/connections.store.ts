import type { Sql } from '../database/index.js';
import type { SealedCredentials } from '../keys/index.js';

export interface ConnectionRow {
  id: string;
  /** Null for the house's own. */
  account: string | null;
  provider: string;
  label: string;
  /** What makes two connections of one provider the same remote place. */
  identity: string;
  domain: string;
  folder: string;
  settings: Record<string, string>;
  credentials: Buffer | null;
  credential_key: Buffer | null;
  credential_epoch: number | null;
  enabled: boolean;
  priority: number;
  limits: Record<string, unknown>;
  alarm: string | null;
  /** Since when nobody waits for it any more: what lies there is made anew elsewhere. */
  given_up_at: Date | null;
  /** Since when its consent is known to have ended; null while it holds, or none is needed. */
  needs_reconnect_at: Date | null;
  last_success_at: Date | null;
  last_error: string | null;
  last_error_at: Date | null;
  space_total: number | null;
  space_used: number | null;
  space_free: number | null;
  /** When a marker was first written there; null for a place that was never used. */
  marked_at: Date | null;
  marked_sequence: number;
  /** The root epoch that the marker is sealed under. */
  marked_epoch: number | null;
  /** What it was found to fail together with when its marker was last written; null where nobody looked. */
  marked_on: string | null;
  /** Counts up with what every gateway that has it open must notice. */
  generation: number;
  /** An admin says that every gateway reads what waits there; see Spreads. */
  spool: boolean;
  /** An admin says that backups of the gateway are to lie there, too. */
  keeps_backups: boolean;
  /** Since when everything is moved off it, and nothing new goes there. */
  drain_since: Date | null;
  created_at: Date;
}

export const COLUMNS = `id, account, provider, label, identity, domain, folder, settings, credentials, credential_key,
  credential_epoch, enabled, priority, limits, alarm, given_up_at, needs_reconnect_at, last_success_at,
  last_error, last_error_at, space_total, space_used, space_free, marked_at,
  marked_sequence, marked_epoch, marked_on, generation, spool, keeps_backups, drain_since, created_at`;

export interface NewConnection {
  readonly id: string;
  readonly account: string | null;
  readonly provider: string;
  readonly label: string;
  readonly identity: string;
  readonly domain: string;
  readonly folder: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly credentials: SealedCredentials | null;
}

export async function insertConnection(sql: Sql, row: NewConnection): Promise<ConnectionRow> {
  const rows = await sql.query<ConnectionRow>(
    `insert into connections (id, account, provider, label, identity, domain, folder, settings, credentials,
       credential_key, credential_epoch, last_success_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now()) returning ${COLUMNS}`,
    [
      row.id,
      row.account,
      row.provider,
      row.label,
      row.identity,
      row.domain,
      row.folder,
      row.settings,
      row.credentials?.sealed ?? null,
      row.credentials?.wrappedKey ?? null,
      row.credentials?.epoch ?? null,
    ],
  );
  return rows[0] as ConnectionRow;
}

/** The house's connections and the account's own. */
export function connectionsOpenTo(sql: Sql, account: string): Promise<ConnectionRow[]> {
  return sql.query(
    `select ${COLUMNS} from connections where removed_at is null and (account is null or account = $1)
     order by created_at, id`,
    [account],
  );
}

export async function connectionById(sql: Sql, id: string): Promise<ConnectionRow | undefined> {
  const rows = await sql.query<ConnectionRow>(
    `select ${COLUMNS} from connections where id = $1 and removed_at is null`,
    [id],
  );
  return rows[0];
}

/** The one connection to this remote place, whoever's. */
export async function connectionAt(sql: Sql, provider: string, identity: string): Promise<ConnectionRow | undefined> {
  const rows = await sql.query<ConnectionRow>(
    `select ${COLUMNS} from connections where provider = $1 and identity = $2 and removed_at is null`,
    [provider, identity],
  );
  return rows[0];
}

/** Every gateway that has it open opens it anew, within a second or two. */
export async function bumpGeneration(sql: Sql, id: string): Promise<void> {
  await sql.execute('update connections set generation = generation + 1 where id = $1', [id]);
}

export async function lockConnection(sql: Sql, id: string): Promise<ConnectionRow | undefined> {
  const rows = await sql.query<ConnectionRow>(
    `select ${COLUMNS} from connections where id = $1 and removed_at is null for update`,
    [id],
  );
  return rows[0];
}

export async function anyConnection(sql: Sql): Promise<boolean> {
  const rows = await sql.query<{ found: boolean }>('select exists (select 1 from connections) as found');
  return rows[0]?.found ?? false;
}

export function allConnections(sql: Sql): Promise<ConnectionRow[]> {
  return sql.query(`select ${COLUMNS} from connections where removed_at is null order by id`);
}

export interface Observed {
  readonly succeededAt: Date | null;
  readonly error: string | null;
  readonly erredAt: Date | null;
  readonly space: { total: number | null; used: number | null; free: number | null } | null;
}

export async function noteObserved(sql: Sql, id: string, seen: Observed): Promise<void> {
  await sql.execute(
    `update connections set
       last_success_at = greatest(last_success_at, $2), last_error = coalesce($3, last_error),
       last_error_at = greatest(last_error_at, $4),
       space_total = case when $5 then $6 else space_total end, space_used = case when $5 then $7 else space_used end,
       space_free = case when $5 then $8 else space_free end, space_at = case when $5 then now() else space_at end
     where id = $1`,
    [
      id,
      seen.succeededAt,
      seen.error,
      seen.erredAt,
      seen.space !== null,
      seen.space?.total ?? null,
      seen.space?.used ?? null,
      seen.space?.free ?? null,
    ],
  );
}

export async function raiseAlarm(sql: Sql, id: string, alarm: string): Promise<void> {
  await sql.execute('update connections set alarm = $2, updated_at = now() where id = $1', [id, alarm]);
}

export async function installationId(sql: Sql): Promise<string> {
  const rows = await sql.query<{ id: string }>('select id from installation');
  return (rows[0] as { id: string }).id;
}

export async function clearAlarm(sql: Sql, id: string): Promise<void> {
  await sql.execute('update connections set alarm = null, updated_at = now() where id = $1', [id]);
}

export interface SpreadRow {
  data: number;
  parity: number;
  connections: string[] | null;
}

export async function spreadOf(sql: Sql, account: string): Promise<SpreadRow | undefined> {
  const rows = await sql.query<SpreadRow>('select data, parity, connections from spreads where account = $1', [
    account,
  ]);
  return rows[0];
}

export async function setSpread(sql: Sql, account: string, spread: SpreadRow): Promise<void> {
  await sql.query(
    `insert into spreads (account, data, parity, connections) values ($1, $2, $3, $4)
     on conflict (account) do update set data = excluded.data, parity = excluded.parity,
       connections = excluded.connections, updated_at = now()`,
    [account, spread.data, spread.parity, spread.connections],
  );
}

export async function updateConnection(
  sql: Sql,
  row: Pick<ConnectionRow, 'id' | 'label' | 'enabled' | 'priority' | 'limits' | 'spool' | 'keeps_backups'>,
): Promise<void> {
  await sql.execute(
    `update connections set label = $2, enabled = $3, priority = $4, limits = $5, spool = $6, keeps_backups = $7,
       updated_at = now() where id = $1`,
    [row.id, row.label, row.enabled, row.priority, row.limits, row.spool, row.keeps_backups],
  );
}
