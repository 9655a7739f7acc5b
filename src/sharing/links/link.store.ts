import type { Sql } from '../../database/index.js';

export interface LinkRow {
  id: string;
  node: string;
  has_password: boolean;
  expires_at: Date | null;
  most_downloads: number | null;
  downloads: number;
  last_download_at: Date | null;
  created_at: Date;
  /** By the database's clock. */
  open: boolean;
}

/** It has not expired and is not used up. */
const OPEN = `(l.expires_at is null or l.expires_at > now()) and (l.most_downloads is null or l.downloads < l.most_downloads)`;
const LINK = `l.id, l.node, l.password_hash is not null as has_password, l.expires_at, l.most_downloads, l.downloads,
  l.last_download_at, l.created_at, ${OPEN} as open`;

export interface NewLinkRow {
  readonly id: string;
  readonly node: string;
  readonly tokenHash: Buffer;
  readonly passwordHash: string | null;
  readonly expiresAt: string | null;
  readonly mostDownloads: number | null;
}

export async function insertLink(sql: Sql, account: string, link: NewLinkRow): Promise<LinkRow> {
  const rows = await sql.query<LinkRow>(
    `insert into share_links as l (account, id, node, token_hash, password_hash, expires_at, most_downloads)
     values ($1, $2, $3, $4, $5, $6, $7) returning ${LINK}`,
    [account, link.id, link.node, link.tokenHash, link.passwordHash, link.expiresAt, link.mostDownloads],
  );
  return rows[0] as LinkRow;
}

export function linksOf(sql: Sql, account: string, most: number): Promise<LinkRow[]> {
  return sql.query(
    `select ${LINK} from share_links l where l.account = $1 and l.revoked_at is null order by l.id desc limit $2`,
    [account, most],
  );
}

export async function countLinks(sql: Sql, account: string): Promise<number> {
  const text = 'select count(*) as count from share_links where account = $1 and revoked_at is null';
  return (await sql.query<{ count: number }>(text, [account]))[0]?.count ?? 0;
}

export async function revokeLink(sql: Sql, account: string, id: string): Promise<boolean> {
  const text = 'update share_links set revoked_at = now() where account = $1 and id = $2 and revoked_at is null';
  return (await sql.execute(text, [account, id])) > 0;
}

export interface OpenLink {
  account: string;
  id: string;
  node: string;
  password_hash: string | null;
}

/** A link that gives something now: not ended, and of an account that may still sign in and have files. */
const GIVES = `l.revoked_at is null and ${OPEN} and exists (
  select 1 from accounts a where a.id = l.account and a.disabled_at is null and a.deleted_at is null and 'user' = any(a.roles))`;

export async function linkByToken(sql: Sql, tokenHash: Buffer): Promise<OpenLink | undefined> {
  const rows = await sql.query<OpenLink>(
    `select l.account, l.id, l.node, l.password_hash from share_links l where l.token_hash = $1 and ${GIVES}`,
    [tokenHash],
  );
  return rows[0];
}

export async function linkById(sql: Sql, account: string, id: string): Promise<OpenLink | undefined> {
  const rows = await sql.query<OpenLink>(
    `select l.account, l.id, l.node, l.password_hash from share_links l where l.account = $1 and l.id = $2 and ${GIVES}`,
    [account, id],
  );
  return rows[0];
}

/** Counts one download, if the link gives one more now. Of all who come at once for the last one, one is counted. */
export async function takeDownload(sql: Sql, account: string, id: string): Promise<OpenLink | undefined> {
  const rows = await sql.query<OpenLink>(
    `update share_links l set downloads = l.downloads + 1, last_download_at = now()
     where l.account = $1 and l.id = $2 and ${GIVES} returning l.account, l.id, l.node, l.password_hash`,
    [account, id],
  );
  return rows[0];
}
