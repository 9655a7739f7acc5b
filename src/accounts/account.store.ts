import type { Role } from '#contracts';
import type { Sql } from '../database/index.js';

export interface AccountRow {
  readonly id: string;
  readonly email: string;
  readonly email_key: string;
  readonly password_hash: string | null;
  readonly roles: Role[];
  readonly quota_bytes: number | null;
  readonly credential_version: number;
  readonly last_sign_in_at: Date | null;
  readonly disabled_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface NewAccountRow {
  readonly id: string;
  readonly email: string;
  readonly emailKey: string;
  readonly passwordHash: string | null;
  readonly roles: readonly Role[];
  readonly quotaBytes: number | null;
}

const COLUMNS =
  'id, email, email_key, password_hash, roles, quota_bytes, credential_version, last_sign_in_at, disabled_at, created_at, updated_at';
/** Any number: whoever holds it decides whether there is a first account. */
const FIRST_ACCOUNT_LOCK = 7_355_608_018;

export async function findByEmail(sql: Sql, emailKey: string): Promise<AccountRow | undefined> {
  const rows = await sql.prepared<AccountRow & { id: string }>(
    'account-by-email',
    `select ${COLUMNS} from accounts where email_key = $1 and deleted_at is null`,
    [emailKey],
  );
  return rows[0];
}

export async function findById(sql: Sql, id: string, lock = false): Promise<AccountRow | undefined> {
  const rows = await sql.query<AccountRow & { id: string }>(
    `select ${COLUMNS} from accounts where id = $1 and deleted_at is null ${lock ? 'for update' : ''}`,
    [id],
  );
  return rows[0];
}

/** Undefined when the address is taken. */
export async function insertAccount(sql: Sql, account: NewAccountRow): Promise<AccountRow | undefined> {
  const rows = await sql.query<AccountRow & { id: string }>(
    `insert into accounts (id, email, email_key, password_hash, roles, quota_bytes) values ($1, $2, $3, $4, $5, $6)
     on conflict (email_key) where deleted_at is null do nothing returning ${COLUMNS}`,
    [account.id, account.email, account.emailKey, account.passwordHash, account.roles, account.quotaBytes],
  );
  return rows[0];
}

export interface AccountUpdate {
  readonly roles: readonly Role[];
  readonly quotaBytes: number | null;
  readonly disabled: boolean;
}

/** A change of roles or of being disabled makes remembered credentials worthless. */
export async function updateAccount(sql: Sql, id: string, to: AccountUpdate): Promise<AccountRow> {
  const rows = await sql.query<AccountRow & { id: string }>(
    `update accounts set roles = $2, quota_bytes = $3, updated_at = now(),
       disabled_at = case when $4 then coalesce(disabled_at, now()) end,
       credential_version = credential_version + (case when roles <> $2 or (disabled_at is not null) <> $4 then 1 else 0 end)
     where id = $1 returning ${COLUMNS}`,
    [id, to.roles, to.quotaBytes, to.disabled],
  );
  return rows[0]!;
}

export async function setPassword(sql: Sql, id: string, passwordHash: string): Promise<void> {
  await sql.query(
    'update accounts set password_hash = $2, credential_version = credential_version + 1, updated_at = now() where id = $1',
    [id, passwordHash],
  );
}

/** Only while the old hash still stands: a password changed meanwhile is not put back. */
export async function replaceHash(sql: Sql, id: string, from: string, to: string): Promise<void> {
  await sql.query('update accounts set password_hash = $3 where id = $1 and password_hash = $2', [id, from, to]);
}

/** Locks the account and tells whether what was checked a moment ago still holds. */
export async function confirmForSignIn(sql: Sql, account: AccountRow): Promise<boolean> {
  const touched = await sql.execute(
    `update accounts set last_sign_in_at = now()
     where id = $1 and credential_version = $2 and disabled_at is null and deleted_at is null`,
    [account.id, account.credential_version],
  );
  return touched === 1;
}

/** Locks every admin who can sign in, in one order, so that two cannot step down past each other. */
export async function lockAdmins(sql: Sql): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `select id from accounts where 'admin' = any (roles) and disabled_at is null and deleted_at is null order by id for update`,
  );
  return rows.map((row) => row.id);
}

export function listAccounts(sql: Sql, page: { search: string; after: string; limit: number }): Promise<AccountRow[]> {
  return sql.query<AccountRow & { id: string }>(
    `select ${COLUMNS} from accounts
     where deleted_at is null and email_key > $1 and ($2 = '' or position($2 in email_key) > 0)
     order by email_key limit $3`,
    [page.after, page.search, page.limit],
  );
}

export async function anyAccount(sql: Sql): Promise<boolean> {
  const rows = await sql.query<{ found: boolean }>(
    'select exists (select 1 from accounts where deleted_at is null) as found',
  );
  return rows[0]!.found;
}

/** Held to the end of the transaction. */
export async function lockFirstAccount(sql: Sql): Promise<void> {
  await sql.query('select pg_advisory_xact_lock($1)', [FIRST_ACCOUNT_LOCK]);
}

export interface Standing {
  readonly email: string;
  readonly roles: Role[];
  readonly credential_version: number;
}

/** What an account that may sign in is right now. */
export async function standingOf(sql: Sql, id: string): Promise<Standing | null> {
  const rows = await sql.prepared<Standing & { email: string }>(
    'account-standing',
    'select email, roles, credential_version from accounts where id = $1 and disabled_at is null and deleted_at is null',
    [id],
  );
  return rows[0] ?? null;
}
