import type { Role } from '#contracts';
import type { Sql } from '../database/index.js';

export interface AppPasswordRow {
  readonly id: string;
  readonly label: string;
  readonly created_at: Date;
  readonly last_used_at: Date | null;
}

export interface AppPasswordOwner {
  readonly id: string;
  readonly account: string;
  readonly email: string;
  readonly roles: Role[];
  readonly stale: boolean;
}

const TOUCH = `interval '1 minute'`;

export async function countAppPasswords(sql: Sql, account: string): Promise<number> {
  const rows = await sql.query<{ count: number }>('select count(*) from app_passwords where account = $1', [account]);
  return rows[0]!.count;
}

export async function insertAppPassword(
  sql: Sql,
  made: { id: string; account: string; label: string; secretHash: Buffer },
): Promise<AppPasswordRow> {
  const rows = await sql.query<AppPasswordRow & { id: string }>(
    `insert into app_passwords (id, account, label, secret_hash) values ($1, $2, $3, $4)
     returning id, label, created_at, last_used_at`,
    [made.id, made.account, made.label, made.secretHash],
  );
  return rows[0]!;
}

export function listAppPasswords(sql: Sql, account: string): Promise<AppPasswordRow[]> {
  return sql.query<AppPasswordRow & { id: string }>(
    'select id, label, created_at, last_used_at from app_passwords where account = $1 order by created_at, id',
    [account],
  );
}

export async function deleteAppPassword(sql: Sql, account: string, id: string): Promise<boolean> {
  return (await sql.execute('delete from app_passwords where account = $1 and id = $2', [account, id])) === 1;
}

/** Whose app password this is, if the address is that account's and the account still stands. */
export async function findAppPassword(
  sql: Sql,
  emailKey: string,
  secretHash: Buffer,
): Promise<AppPasswordOwner | null> {
  const rows = await sql.prepared<AppPasswordOwner & { id: string }>(
    'app-password-by-secret',
    `select p.id, a.id as account, a.email, a.roles, coalesce(p.last_used_at < now() - ${TOUCH}, true) as stale
     from app_passwords p join accounts a on a.id = p.account
     where p.secret_hash = $1 and a.email_key = $2 and a.disabled_at is null and a.deleted_at is null`,
    [secretHash, emailKey],
  );
  return rows[0] ?? null;
}

export async function touchAppPassword(sql: Sql, id: string): Promise<void> {
  await sql.query(
    `update app_passwords set last_used_at = now() where id = $1 and coalesce(last_used_at < now() - ${TOUCH}, true)`,
    [id],
  );
}
