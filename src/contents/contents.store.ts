import type { Sql } from '../database/index.js';

/** A chunk that is sealed and about to be sent, with the plan for its shards: what a retry follows. */
export interface IntendedChunk {
  readonly index: number;
  readonly keyId: string;
  readonly wrappedKey: Buffer;
  readonly length: number;
  readonly shards: readonly IntendedShard[];
}

export interface IntendedShard {
  readonly index: number;
  readonly digest: Buffer;
  readonly length: number;
  readonly blob: IntendedBlob;
}

export interface IntendedBlob {
  readonly id: string;
  readonly connection: string;
  readonly name: string;
  readonly length: number;
}

export interface LiveBlob {
  readonly id: string;
  readonly checksum: string | null;
}

export interface NewContent {
  readonly account: string;
  readonly id: string;
  readonly accountKey: string;
  readonly wrappedKey: Buffer;
  readonly data: number;
  readonly parity: number;
  readonly gateway: string;
}

/** Opens the draft and records its first intent, in one statement: nothing was sent before it is committed. */
export async function openDraft(sql: Sql, content: NewContent, chunk: IntendedChunk): Promise<void> {
  await sql.prepared(
    'open-draft',
    `with draft as (
       insert into contents (account, id, state, account_key, wrapped_key, data, parity, gateway)
       values ($1, $2, 'open', $13, $14, $15, $16, $17) returning 1
     ), ${INTEND}
     select 1`,
    [...intentValues(content.account, content.id, chunk), ...keyValues(content), content.gateway],
  );
}

/**
 * Records the intent for a further chunk, and with it that the blobs of earlier ones are live. Both
 * hang on a share lock of the open draft, so none is added once the draft was given up. False then.
 */
export async function addChunk(
  sql: Sql,
  draft: { account: string; id: string },
  chunk: IntendedChunk,
  live: readonly LiveBlob[],
): Promise<boolean> {
  const rows = await sql.prepared(
    'add-chunk',
    `with draft as (
       select 1 from contents where account = $1 and id = $2 and state = 'open' for share
     ), lively as (
       update blobs set state = 'live', checksum = l.checksum
       from unnest($13::uuid[], $14::text[]) as l(id, checksum), draft
       where blobs.account = $1 and blobs.id = l.id and blobs.state = 'intended'
     ), ${INTEND}
     select 1 from draft`,
    [...intentValues(draft.account, draft.id, chunk), ...liveValues(live)],
  );
  return rows.length > 0;
}

const INTEND = `
  added_chunk as (
    insert into chunks (account, content, index, key_id, wrapped_key, length)
    select $1::uuid, $2::uuid, $3::int, $4::uuid, $5::bytea, $6::int from draft
  ), added_blobs as (
    insert into blobs (account, id, connection, name, length, state)
    select $1::uuid, b.id, b.connection, b.name, b.length, 'intended'
    from unnest($7::uuid[], $8::uuid[], $9::text[], $10::bigint[]) as b(id, connection, name, length), draft
  ), added_shards as (
    insert into shards (account, content, chunk, shard, blob, "offset", length, digest)
    select $1::uuid, $2::uuid, $3::int, s.index, s.blob, 0, s.length, s.digest
    from unnest($11::smallint[], $7::uuid[], $10::bigint[], $12::bytea[]) as s(index, blob, length, digest), draft
  )`;

function intentValues(account: string, content: string, chunk: IntendedChunk): unknown[] {
  const { shards } = chunk;
  return [
    account,
    content,
    chunk.index,
    chunk.keyId,
    chunk.wrappedKey,
    chunk.length,
    shards.map((shard) => shard.blob.id),
    shards.map((shard) => shard.blob.connection),
    shards.map((shard) => shard.blob.name),
    shards.map((shard) => shard.length),
    shards.map((shard) => shard.index),
    shards.map((shard) => shard.digest),
  ];
}

function keyValues(content: NewContent): unknown[] {
  return [content.accountKey, content.wrappedKey, content.data, content.parity];
}

function liveValues(live: readonly LiveBlob[]): unknown[] {
  return [live.map((blob) => blob.id), live.map((blob) => blob.checksum)];
}

/** A shard goes to another place than planned: a new blob is intended, the old one condemned. False when the draft is gone. */
export async function replanShard(
  sql: Sql,
  place: { account: string; content: string; chunk: number; shard: number },
  blob: IntendedBlob,
): Promise<boolean> {
  const rows = await sql.query(
    `with draft as (
       select 1 from contents where account = $1 and id = $2 and state = 'open' for share
     ), old as (
       select blob from shards where account = $1 and content = $2 and chunk = $3 and shard = $4
     ), condemned as (
       update blobs set state = 'condemned', condemned_at = now() from old, draft
       where blobs.account = $1 and blobs.id = old.blob and blobs.state in ('intended', 'live')
     ), added as (
       insert into blobs (account, id, connection, name, length, state)
       select $1::uuid, $5::uuid, $6::uuid, $7::text, $8::bigint, 'intended' from draft
     ), moved as (
       update shards set blob = $5 from draft where account = $1 and content = $2 and chunk = $3 and shard = $4
     )
     select 1 from draft`,
    [place.account, place.content, place.chunk, place.shard, blob.id, blob.connection, blob.name, blob.length],
  );
  return rows.length > 0;
}

export interface SealedManifest {
  readonly header: Buffer;
  readonly pages: readonly { page: number; startOffset: number; sealed: Buffer }[];
}

export interface FinishedContent {
  readonly size: number;
  readonly chunks: number;
  readonly manifest: SealedManifest;
  readonly slab: string | null;
}

/**
 * Publishes an open draft by compare-and-set, its last blobs live with it. The slab that its bytes come from is locked shared,
 * so that closing it counts this content or is seen here. Answers what held: both must.
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
       where account = $1 and id = $2 and state = 'open' returning 1
     ), lively as (
       update blobs set state = 'live', checksum = l.checksum
       from unnest($10::uuid[], $11::text[]) as l(id, checksum)
       where blobs.account = $1 and blobs.id = l.id and blobs.state = 'intended' returning 1
     ), pages as (${INSERT_PAGES})
     select exists (select 1 from published) and (select count(*) from lively) = cardinality($10::uuid[]) as published,
       exists (select 1 from slab) as slab`,
    [...finishedValues(draft, finished), ...liveValues(live)],
  );
  return rows[0] as { published: boolean; slab: boolean };
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

/**
 * Gives an open draft up: its key is destroyed and its blobs condemned, in one transaction. False
 * when it was not open (any more): then it was published, or given up before, or never came to be.
 */
export async function abandonDraft(sql: Sql, draft: { account: string; id: string }): Promise<boolean> {
  const ended = await sql.query(
    `update contents set state = 'abandoned', wrapped_key = null, ended_at = now()
     where account = $1 and id = $2 and state = 'open' returning 1`,
    [draft.account, draft.id],
  );
  if (ended.length === 0) return false;
  await sql.execute(
    `update blobs set state = 'condemned', condemned_at = now()
     where account = $1 and state in ('intended', 'live')
       and id in (select blob from shards where account = $1 and content = $2)`,
    [draft.account, draft.id],
  );
  return true;
}

export async function contentState(sql: Sql, draft: { account: string; id: string }): Promise<string | undefined> {
  const rows = await sql.query<{ state: string }>('select state from contents where account = $1 and id = $2', [
    draft.account,
    draft.id,
  ]);
  return rows[0]?.state;
}

/** Open drafts of a gateway that are older than a minute: what it does not know itself was left by a lost answer. */
export function openDrafts(
  sql: Sql,
  gateway: string,
  olderThanSeconds: number,
): Promise<{ account: string; id: string }[]> {
  return sql.query(
    `select account, id from contents where state = 'open' and gateway = $1
       and created_at < now() - make_interval(secs => $2)`,
    [gateway, olderThanSeconds],
  );
}

/** Takes the place of a content that may or may not be there, waiting for whoever is inserting it. */
export async function entomb(sql: Sql, content: NewContent): Promise<void> {
  await sql.query(
    `insert into contents (account, id, state, account_key, data, parity, ended_at)
     values ($1, $2, 'abandoned', $3, $4, $5, now()) on conflict do nothing`,
    [content.account, content.id, content.accountKey, content.data, content.parity],
  );
}
