import type { Sql } from '../database/index.js';
import { eraseDerived, holdContents } from './erase.store.js';

/** A small picture of a content, itself a content that no version holds. */
export interface PreviewRow {
  content: string;
  size: number;
  account_key: string;
  mac: Buffer;
  sealed_sha256: Buffer;
}

export interface PreviewPlace {
  readonly account: string;
  /** The content that is shown. */
  readonly source: string;
  readonly side: number;
}

export async function keptPreview(sql: Sql, { account, source, side }: PreviewPlace): Promise<PreviewRow | undefined> {
  const rows = await sql.prepared<PreviewRow>(
    'kept-preview',
    `select content, size, account_key, mac, sealed_sha256 from previews where account = $1 and source = $2 and side = $3`,
    [account, source, side],
  );
  return rows[0];
}

/**
 * Keeps a preview, in the transaction that publishes its content. The content that it shows is held meanwhile, so that nobody
 * erases it and leaves this behind. False where it is erased already, or another gateway's preview was quicker.
 */
export async function keepPreview(sql: Sql, place: PreviewPlace, row: PreviewRow): Promise<boolean> {
  const { account, source, side } = place;
  if (!(await holdContents(sql, account, [source]))) return false;
  const kept = await sql.execute(
    `insert into previews (account, source, side, content, size, account_key, mac, sealed_sha256)
     values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`,
    [account, source, side, row.content, row.size, row.account_key, row.mac, row.sealed_sha256],
  );
  return kept > 0;
}

/** Gives up a preview that cannot be read any more. */
export async function dropPreview(sql: Sql, { account, source, side }: PreviewPlace, content: string): Promise<void> {
  const dropped = await sql.execute(
    `delete from previews where account = $1 and source = $2 and side = $3 and content = $4`,
    [account, source, side, content],
  );
  if (dropped > 0) await eraseDerived(sql, account, [content]);
}
