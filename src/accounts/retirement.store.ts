import type { Sql } from '../database/index.js';

export async function lockEvenDeleted(sql: Sql, id: string): Promise<{ deleted: boolean } | undefined> {
  const rows = await sql.query<{ deleted: boolean }>(
    'select deleted_at is not null as deleted from accounts where id = $1 for update',
    [id],
  );
  return rows[0];
}

export async function retire(sql: Sql, id: string): Promise<void> {
  await sql.execute(
    `update accounts set deleted_at = now(), disabled_at = coalesce(disabled_at, now()), password_hash = null,
       credential_version = credential_version + 1, updated_at = now() where id = $1`,
    [id],
  );
}

export async function deleteAppPasswords(sql: Sql, account: string): Promise<void> {
  await sql.execute('delete from app_passwords where account = $1', [account]);
}

export async function eraseAddress(sql: Sql, id: string): Promise<void> {
  await sql.execute(`update accounts set email = 'deleted', email_key = id::text, updated_at = now() where id = $1`, [
    id,
  ]);
}
