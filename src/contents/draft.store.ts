import type { Sql } from '../database/index.js';
import { inLockOrder } from './lock-order.store.js';

/** A chunk that is sealed and about to be sent, with the plan for its shards: what a retry follows. */
export interface IntendedChunk {
  readonly index: number;
  readonly keyId: string;
  readonly wrappedKey: Buffer;
  readonly length: number;
  /** Of the chunk as it is sealed, before it was padded for its shards. */
  readonly sealed: number;
  readonly shards: readonly IntendedShard[];
}

export interface IntendedShard {
  readonly index: number;
  readonly digest: Buffer;
  readonly length: number;
  readonly blob: IntendedBlob;
  /** The connection that it waits for in the spool; null where it is at home. */
  readonly home: string | null;
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
  /** Null for a draft that a lease of its own keeps, over several requests and gateways. */
  readonly gateway: string | null;
}

/** Opens the draft and records its first intent, in one statement: nothing was sent before it is committed. */
export async function openDraft(sql: Sql, content: NewContent, chunk: IntendedChunk): Promise<void> {
  await sql.prepared(
    'open-draft',
    `with draft as (
       insert into contents (account, id, state, account_key, wrapped_key, data, parity, gateway)
       values ($1, $2, 'open', $15, $16, $17, $18, $19) returning 1
     ), ${INTEND}
     select 1`,
    [...intentValues(content.account, content.id, chunk), ...keyValues(content), content.gateway],
  );
}

/** Opens a draft that is kept by its lease: nothing of it lies anywhere yet. */
export async function openLeasedDraft(sql: Sql, content: NewContent, leaseSeconds: number): Promise<void> {
  await sql.query(
    `insert into contents (account, id, state, account_key, wrapped_key, data, parity, lease_until)
     values ($1, $2, 'open', $3, $4, $5, $6, now() + make_interval(secs => $7))`,
    [content.account, content.id, ...keyValues(content), leaseSeconds],
  );
}

/** A draft that is open still. Its key opens it whichever gateway asks. */
export async function leasedDraft(sql: Sql, account: string, id: string): Promise<NewContent | undefined> {
  const rows = await sql.query<NewContent>(
    `select account, id, account_key as "accountKey", wrapped_key as "wrappedKey", data, parity, null as gateway
     from contents where account = $1 and id = $2 and state = 'open' and lease_until > now()`,
    [account, id],
  );
  return rows[0];
}

/** What was noted live so far becomes so in the caller's transaction, under a share lock of the open draft. */
export async function enliven(
  sql: Sql,
  draft: { account: string; id: string },
  live: readonly LiveBlob[],
): Promise<boolean> {
  const rows = await sql.query(
    `with draft as (
       select 1 from contents where account = $1 and id = $2 and state = 'open' for share
     ), lively as (
       update blobs set state = 'live', checksum = l.checksum
       from unnest($3::uuid[], $4::text[]) as l(id, checksum), draft
       where blobs.account = $1 and blobs.id = l.id and blobs.state = 'intended'
     )
     select 1 from draft`,
    [draft.account, draft.id, ...liveValues(live)],
  );
  return rows.length > 0;
}

/** Gives up the chunks from this one on, for whoever goes on in their place: what may lie at connections is condemned. */
export async function dropChunksFrom(sql: Sql, draft: { account: string; id: string }, index: number): Promise<void> {
  // An intent holds this row shared: whichever is under way is seen by both statements below, or by neither.
  await sql.query(`select 1 from contents where account = $1 and id = $2 for update`, [draft.account, draft.id]);
  await sql.execute(
    `with given_up as (
       ${inLockOrder(`blobs b where b.account = $1 and b.state in ('intended', 'live')
         and b.id in (select blob from shards where account = $1 and content = $2 and chunk >= $3)`)}
     )
     update blobs b set state = 'condemned', condemned_at = now() from given_up g where b.account = $1 and b.id = g.id`,
    [draft.account, draft.id, index],
  );
  await sql.execute(`delete from chunks where account = $1 and content = $2 and index >= $3`, [
    draft.account,
    draft.id,
    index,
  ]);
}

/** Pages of a manifest that was never closed. */
export async function dropPages(sql: Sql, draft: { account: string; id: string }): Promise<void> {
  await sql.execute(`delete from manifest_pages where account = $1 and content = $2`, [draft.account, draft.id]);
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
       from unnest($15::uuid[], $16::text[]) as l(id, checksum), draft
       where blobs.account = $1 and blobs.id = l.id and blobs.state = 'intended'
     ), ${INTEND}
     select 1 from draft`,
    [...intentValues(draft.account, draft.id, chunk), ...liveValues(live)],
  );
  return rows.length > 0;
}

const INTEND = `
  added_chunk as (
    insert into chunks (account, content, index, key_id, wrapped_key, length, sealed)
    select $1::uuid, $2::uuid, $3::int, $4::uuid, $5::bytea, $6::int, $13::int from draft
  ), added_blobs as (
    insert into blobs (account, id, connection, name, length, state)
    select $1::uuid, b.id, b.connection, b.name, b.length, 'intended'
    from unnest($7::uuid[], $8::uuid[], $9::text[], $10::bigint[]) as b(id, connection, name, length), draft
  ), added_shards as (
    insert into shards (account, content, chunk, shard, blob, "offset", length, digest, home)
    select $1::uuid, $2::uuid, $3::int, s.index, s.blob, 0, s.length, s.digest, s.home
    from unnest($11::smallint[], $7::uuid[], $10::bigint[], $12::bytea[], $14::uuid[])
      as s(index, blob, length, digest, home), draft
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
    chunk.sealed,
    shards.map((shard) => shard.home),
  ];
}

export function keyValues(content: NewContent): unknown[] {
  return [content.accountKey, content.wrappedKey, content.data, content.parity];
}

export function liveValues(live: readonly LiveBlob[]): unknown[] {
  return [live.map((blob) => blob.id), live.map((blob) => blob.checksum)];
}

/**
 * A shard goes to another place than planned: a new blob is intended, the first one condemned. False when the draft is gone,
 * or the shard is not where it was planned: a request that goes on with the same upload has planned that chunk anew.
 */
export async function replanShard(
  sql: Sql,
  place: { account: string; content: string; chunk: number; shard: number; first: string },
  blob: IntendedBlob,
  home: string | null,
): Promise<boolean> {
  const rows = await sql.query(
    `with draft as (
       select 1 from contents where account = $1 and id = $2 and state = 'open' for share
     ), moved as (
       update shards set blob = $5, home = $9 from draft
       where account = $1 and content = $2 and chunk = $3 and shard = $4 and blob = $10 returning 1
     ), condemned as (
       update blobs set state = 'condemned', condemned_at = now() from moved
       where blobs.account = $1 and blobs.id = $10 and blobs.state in ('intended', 'live')
     ), added as (
       insert into blobs (account, id, connection, name, length, state)
       select $1::uuid, $5::uuid, $6::uuid, $7::text, $8::bigint, 'intended' from moved
     )
     select 1 from moved`,
    [
      ...[place.account, place.content, place.chunk, place.shard, blob.id, blob.connection, blob.name, blob.length],
      ...[home, place.first],
    ],
  );
  return rows.length > 0;
}
