import type { Account, User, UserPage } from '#contracts';
import type { AccountRow } from './account.store.js';

/** What an account is told about itself. */
export function asAccount(row: AccountRow): Account {
  return {
    id: row.id,
    email: row.email,
    roles: row.roles,
    quotaBytes: row.quota_bytes,
    createdAt: row.created_at.toISOString(),
  };
}

export function asUser(row: AccountRow, link?: { url: string; expiresAt: Date }): User {
  return {
    ...asAccount(row),
    disabled: row.disabled_at !== null,
    hasPassword: row.password_hash !== null,
    lastSignInAt: row.last_sign_in_at?.toISOString() ?? null,
    updatedAt: row.updated_at.toISOString(),
    ...(link && { setPasswordLink: { url: link.url, expiresAt: link.expiresAt.toISOString() } }),
  };
}

export function pageOf(rows: readonly AccountRow[], limit: number): UserPage {
  const items = rows.slice(0, limit).map((row) => asUser(row));
  const last = rows[limit - 1];
  if (rows.length <= limit || last === undefined) return { items };
  return { items, nextCursor: Buffer.from(last.email_key).toString('base64url') };
}
