import type { Sql } from '../database/index.js';
import type { BlobFault } from './faults.store.js';

export interface ContentRow {
  account_key: string;
  wrapped_key: Buffer | null;
  manifest_header: Buffer;
  size: number;
  data: number;
  parity: number;
}

export async function publishedContent(sql: Sql, account: string, id: string): Promise<ContentRow | undefined> {
  const rows = await sql.prepared<ContentRow>(
    'published-content',
    `select account_key, wrapped_key, manifest_header, size, data, parity from contents
     where account = $1 and id = $2 and state = 'published'`,
    [account, id],
  );
  return rows[0];
}

/** The sealed page whose chunks hold this offset, as the unsealed hint beside it says; the page itself proves it. */
export async function pageAt(
  sql: Sql,
  account: string,
  content: string,
  offset: number,
): Promise<{ page: number; sealed: Buffer } | undefined> {
  const rows = await sql.prepared<{ page: number; sealed: Buffer }>(
    'page-at',
    `select page, sealed from manifest_pages where account = $1 and content = $2 and start_offset <= $3
     order by start_offset desc limit 1`,
    [account, content, offset],
  );
  return rows[0];
}

export interface ChunkRow {
  index: number;
  /** How the chunk's shards are made, which is the same in all rows of a chunk. */
  data: number;
  parity: number;
  key_id: string;
  wrapped_key: Buffer;
  shard: number;
  shard_offset: number;
  shard_length: number;
  digest: Buffer;
  blob: string;
  state: 'intended' | 'live' | 'condemned' | 'gone';
  fault: BlobFault | null;
  connection: string;
  name: string;
}

/** Chunks `[from, to]` with a row for each of their shards. */
export function chunkRows(
  sql: Sql,
  content: { account: string; id: string },
  from: number,
  to: number,
): Promise<ChunkRow[]> {
  return sql.prepared<ChunkRow>(
    'chunk-rows',
    `select c.index, coalesce(c.data, k.data) as data, coalesce(c.parity, k.parity) as parity, c.key_id, c.wrapped_key,
       s.shard, s."offset" as shard_offset, s.length as shard_length, s.digest, s.blob, b.state, b.fault, b.connection, b.name
     from chunks c
     join contents k on k.account = $1 and k.id = $2
     join shards s on s.account = $1 and s.content = $2 and s.chunk = c.index
     join blobs b on b.account = $1 and b.id = s.blob
     where c.account = $1 and c.content = $2 and c.index between $3 and $4
     order by c.index, s.shard`,
    [content.account, content.id, from, to],
  );
}

export interface PlacementRow {
  index: number;
  length: number;
  data: number;
  parity: number;
  shard: number;
  connection: string;
  state: string;
  stored_at: Date;
  fault_at: Date | null;
  /** The connection that it waits for in a spool. */
  home: string | null;
}

/** Where a content lies, for people: one row for each shard, with the plaintext length of its chunk. */
export function placementRows(sql: Sql, account: string, content: string): Promise<PlacementRow[]> {
  return sql.query(
    `select c.index, c.length, p.data, p.parity, s.shard, s.home, b.connection, b.created_at as stored_at, b.fault_at,
       case when k.id is null then 'gone' when b.fault is not null then b.fault
         when b.state = 'live' and s.home is not null then 'spooled' else b.state end as state
     from chunks c
     join chunk_spreads p on p.account = c.account and p.content = c.content and p.chunk = c.index
     join shards s on s.account = c.account and s.content = c.content and s.chunk = c.index
     join blobs b on b.account = s.account and b.id = s.blob
     left join connections k on k.id = b.connection and k.removed_at is null
     where c.account = $1 and c.content = $2 order by c.index, s.shard`,
    [account, content],
  );
}
