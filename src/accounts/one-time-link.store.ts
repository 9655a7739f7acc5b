import type { Sql } from '../database/index.js';

export interface LinkRow {
  readonly purpose: 'set-up' | 'set-password';
  readonly account: string | null;
  /** Of the account, while it may sign in; null for a set-up link. */
  readonly email: string | null;
}

const LIFE = `interval '7 days'`;

export async function insertSetUpLink(sql: Sql, tokenHash: Buffer): Promise<void> {
  await sql.query(`insert into one_time_links (token_hash, purpose) values ($1, 'set-up')`, [tokenHash]);
}

/** The newest link is the only one: an older one in somebody's mailbox is worth nothing. */
export async function insertPasswordLink(sql: Sql, tokenHash: Buffer, account: string): Promise<Date> {
  await deleteLinksOf(sql, account);
  const rows = await sql.query<{ expires_at: Date }>(
    `insert into one_time_links (token_hash, purpose, account, expires_at) values ($1, 'set-password', $2, now() + ${LIFE})
     returning expires_at`,
    [tokenHash, account],
  );
  return rows[0]!.expires_at;
}

export async function peekLink(sql: Sql, tokenHash: Buffer): Promise<LinkRow | null> {
  const rows = await sql.query<LinkRow & { purpose: string }>(
    `select l.purpose, l.account, a.email from one_time_links l
     left join accounts a on a.id = l.account and a.disabled_at is null and a.deleted_at is null
     where l.token_hash = $1 and (l.expires_at is null or l.expires_at > now())
       and (l.purpose = 'set-up' or a.id is not null)`,
    [tokenHash],
  );
  return rows[0] ?? null;
}

/** True for exactly one of all who try. */
export async function takeLink(sql: Sql, tokenHash: Buffer): Promise<boolean> {
  const taken = await sql.execute(
    'delete from one_time_links where token_hash = $1 and (expires_at is null or expires_at > now())',
    [tokenHash],
  );
  return taken === 1;
}

export async function deleteLinksOf(sql: Sql, account: string): Promise<void> {
  await sql.query('delete from one_time_links where account = $1', [account]);
}

export async function deleteSetUpLinks(sql: Sql): Promise<void> {
  await sql.query(`delete from one_time_links where purpose = 'set-up'`);
}
