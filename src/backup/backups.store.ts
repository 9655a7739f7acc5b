import type { Sql } from '../database/index.js';
import type { MadeBackup } from './make-backup.js';

/** A database that was not brought up to date since it was made by an older version has no such table yet. */
export async function keepsList(sql: Sql): Promise<boolean> {
  const rows = await sql.query<{ there: boolean }>(`select to_regclass('backups') is not null as there`);
  return rows[0]!.there;
}

/** The same of copies on connections. */
export async function keepsCopies(sql: Sql): Promise<boolean> {
  const rows = await sql.query<{ there: boolean }>(`select to_regclass('backup_copies') is not null as there`);
  return rows[0]!.there;
}

export async function noteBackup(sql: Sql, made: MadeBackup): Promise<void> {
  await sql.query(
    `insert into backups (id, file, made_at, bytes, rows, digest) values ($1, $2, $3, $4, $5, decode($6, 'hex'))`,
    [made.id, made.path, made.madeAt, made.bytes, made.rows, made.digest],
  );
}

export async function noteExpired(sql: Sql, files: readonly string[]): Promise<void> {
  await sql.query(`update backups set expired_at = now() where file = any($1::text[]) and expired_at is null`, [files]);
}

/** Rows outlive their files by a year: they say until when something that was purged could be brought back. */
export async function forgetExpired(sql: Sql): Promise<void> {
  await sql.query(`delete from backups where expired_at < now() - interval '1 year'
     and not exists (select 1 from backup_copies k where k.backup = backups.id and k.ended_at is null)`);
}

export interface BackupRow {
  readonly id: string;
  readonly file: string;
  readonly made_at: Date;
  readonly bytes: number;
  readonly rows: number;
  readonly proved_at: Date;
  readonly expired_at: Date | null;
}

export function latestBackups(sql: Sql, most: number): Promise<BackupRow[]> {
  return sql.query(
    `select id, file, made_at, bytes, rows, proved_at, expired_at from backups order by made_at desc limit $1`,
    [most],
  );
}

/** Whether a hold stands, for a program that has no gateway around it. */
export async function isHeld(sql: Sql): Promise<boolean> {
  const rows = await sql.query<{ held: boolean }>(
    'select exists (select from holds where ends_at is null or ends_at > now()) as held',
  );
  return rows[0]!.held;
}

/** How old what the newest backup shows is; null where there is none. */
export async function backupAge(sql: Sql): Promise<number | null> {
  const rows = await sql.query<{ seconds: number | null }>(
    `select extract(epoch from now() - max(made_at))::double precision as seconds from backups where expired_at is null`,
  );
  return rows[0]!.seconds;
}

/** Whether the hour has come since the last one was made, or since there was anything to keep. On the database's clock. */
export async function isBackupDue(sql: Sql, hour: number): Promise<boolean> {
  const rows = await sql.query<{ due: boolean }>(
    `with today as (select date_trunc('day', now() at time zone 'UTC') + make_interval(hours => $1) as hour),
       last as (select (case when hour <= now() at time zone 'UTC' then hour else hour - interval '1 day' end)
         at time zone 'UTC' as due from today)
     select coalesce((select max(made_at) from backups), (select min(created_at) from accounts)) < due as due from last`,
    [hour],
  );
  return rows[0]!.due;
}
