import type { Sql } from '../database/index.js';
import { keyValues, liveValues, type LiveBlob, type NewContent } from './draft.store.js';

export interface SealedManifest {
  readonly header: Buffer;
  readonly pages: readonly { page: number; startOffset: number; sealed: Buffer }[];
}

export interface FinishedContent {
  readonly size: number;
  readonly chunks: number;
  readonly manifest: SealedManifest;
  /** Where its bytes are counted; null where they are not. */
  readonly slab: string | null;
}

/**
 * Publishes an open draft by compare-and-set, its last blobs live with it. The slab that its bytes come from is locked shared,
 * so that closing it counts this content or is seen here. Answers what held: both must. Every shard of every chunk is
 * counted: whatever went wrong above, nothing is published whose bytes are not proved to lie where the rows say, nor with
 * more than one shard of a chunk in the spool, nor with any where it would be the only one there is, nor what is known by
 * now to be lost again.
 */
export async function publishDraft(
  sql: Sql,
  draft: { account: string; id: string },
  finished: FinishedContent,
  live: readonly LiveBlob[],
): Promise<{ published: boolean; slab: boolean }> {
  const rows = await sql.prepared<{ published: boolean; slab: boolean }>(
    'publish-draft',
    `with slab as (
       select 1 from quota_slabs where account = $1 and id = $6 for share
     ), published as (
       update contents set state = 'published', size = $3, chunks = $4, manifest_header = $5, quota_slab = $6,
         ended_at = now()
       where account = $1 and id = $2 and state = 'open' returning chunks * (data + parity) as shards, data, parity
     ), lively as (
       update blobs set state = 'live', checksum = l.checksum
       from unnest($10::uuid[], $11::text[]) as l(id, checksum)
       where blobs.account = $1 and blobs.id = l.id and blobs.state = 'intended' returning 1
     ), earlier as (
       select count(*) filter (where b.state = 'live') as live, count(s.home) as spooled,
         count(distinct s.chunk) filter (where s.home is not null) as chunks, count(*) filter (where not (${STILL_THERE})) as lost
       from shards s join blobs b on b.account = $1 and b.id = s.blob join connections k on k.id = b.connection
       where s.account = $1 and s.content = $2
     ), pages as (${INSERT_PAGES})
     select coalesce((select shards from published) = (select live from earlier) + (select count(*) from lively), false)
         and (select count(*) from lively) = cardinality($10::uuid[])
         and (select spooled = least(chunks, chunks * (select parity from published)) from earlier)
         and case when (select lost from earlier) > 0 then not exists (${UNREADABLE}) else true end as published,
       $6::uuid is null or exists (select 1 from slab) as slab`,
    [...finishedValues(draft, finished), ...liveValues(live)],
  );
  return rows[0] as { published: boolean; slab: boolean };
}

const STILL_THERE = `b.fault is null and k.given_up_at is null and k.removed_at is null`;

/** Chunks that too much was lost of while the upload went on: of what is left, repair makes the rest when it is published. */
const UNREADABLE = `
  select 1 from shards s join blobs b on b.account = $1 and b.id = s.blob join connections k on k.id = b.connection
  where s.account = $1 and s.content = $2 group by s.chunk
  having count(*) filter (where ${STILL_THERE}) < (select data from published)`;

/**
 * Whether the first chunks of an open draft, all of which were durable, cannot be published any more: too much of one was
 * lost. Chunks beyond them may be on their way.
 */
export async function isLost(sql: Sql, draft: { account: string; id: string }, chunks: number): Promise<boolean> {
  const rows = await sql.query(
    `select 1 from contents c join shards s on s.account = c.account and s.content = c.id
     join blobs b on b.account = s.account and b.id = s.blob join connections k on k.id = b.connection
     where c.account = $1 and c.id = $2 and c.state = 'open' and s.chunk < $3 group by s.chunk, c.data, c.parity
     having count(*) filter (where b.state = 'live') < c.data + c.parity
       or count(*) filter (where b.state = 'live' and ${STILL_THERE}) < c.data limit 1`,
    [draft.account, draft.id, chunks],
  );
  return rows.length > 0;
}

/** A content without chunks needs no draft: there is nothing that could be left behind. */
export async function publishEmpty(sql: Sql, content: NewContent, finished: FinishedContent): Promise<boolean> {
  const rows = await sql.prepared<{ slab: boolean }>(
    'publish-empty',
    `with slab as (
       select 1 from quota_slabs where account = $1 and id = $6 for share
     ), published as (
       insert into contents (account, id, state, size, chunks, manifest_header, quota_slab, account_key, wrapped_key,
         data, parity, ended_at)
       values ($1, $2, 'published', $3, $4, $5, $6, $10, $11, $12, $13, now()) returning 1
     ), pages as (${INSERT_PAGES})
     select exists (select 1 from slab) as slab`,
    [...finishedValues(content, finished), ...keyValues(content)],
  );
  return rows[0]?.slab ?? false;
}

const INSERT_PAGES = `
  insert into manifest_pages (account, content, page, start_offset, sealed)
  select $1::uuid, $2::uuid, p.page, p.start_offset, p.sealed
  from unnest($7::int[], $8::bigint[], $9::bytea[]) as p(page, start_offset, sealed)`;

function finishedValues(content: { account: string; id: string }, finished: FinishedContent): unknown[] {
  const { pages, header } = finished.manifest;
  return [
    content.account,
    content.id,
    finished.size,
    finished.chunks,
    header,
    finished.slab,
    pages.map((page) => page.page),
    pages.map((page) => page.startOffset),
    pages.map((page) => page.sealed),
  ];
}

/** Writes manifest pages ahead of the publication, so that a very long upload holds few of them in memory. */
export async function addPage(
  sql: Sql,
  draft: { account: string; id: string },
  page: { page: number; startOffset: number; sealed: Buffer },
): Promise<boolean> {
  const rows = await sql.query(
    `insert into manifest_pages (account, content, page, start_offset, sealed)
     select $1::uuid, $2::uuid, $3::int, $4::bigint, $5::bytea from contents where account = $1 and id = $2 and state = 'open' for share returning 1`,
    [draft.account, draft.id, page.page, page.startOffset, page.sealed],
  );
  return rows.length > 0;
}
