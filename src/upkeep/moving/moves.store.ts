import { type BlobFault, inLockOrder } from '../../contents/index.js';
import type { Sql } from '../../database/index.js';

/** One shard, wherever it lies. */
export interface ShardId {
  readonly account: string;
  readonly content: string;
  readonly chunk: number;
  readonly shard: number;
}

export type MoveReason = 'repair' | 'drain' | 'rebalance' | 'homecoming' | 're-spread';

/** A shard of a chunk, with the place where it lies now. */
export interface LyingShard {
  readonly data: number;
  readonly parity: number;
  readonly shard: number;
  readonly blob: string;
  readonly offset: number;
  readonly length: number;
  readonly digest: Buffer;
  readonly state: 'intended' | 'live' | 'condemned' | 'gone';
  readonly fault: BlobFault | null;
  readonly name: string;
  readonly connection: string;
  readonly domain: string | null;
  readonly removed: boolean;
  readonly given_up: boolean;
  /** The connection that it waits for in a spool. */
  readonly home: string | null;
}

/** Whether it is there to be counted on: there is nothing to repair about it. */
export function stands({ state, fault, removed, given_up: givenUp }: LyingShard): boolean {
  return state === 'live' && fault === null && !removed && !givenUp;
}

/** All shards of a chunk; none when its content is not published (any more). */
export function shardsOfChunk(sql: Sql, { account, content, chunk }: ShardId): Promise<LyingShard[]> {
  return sql.prepared(
    'shards-of-chunk',
    `select p.data, p.parity, s.shard, s.blob, s."offset", s.length, s.digest, s.home, b.state, b.fault, b.name, b.connection,
       k.domain, k.id is null or k.removed_at is not null as removed, coalesce(k.given_up_at is not null, false) as given_up
     from contents c
     join chunk_spreads p on p.account = c.account and p.content = c.id and p.chunk = $3
     join shards s on s.account = c.account and s.content = c.id and s.chunk = $3
     join blobs b on b.account = s.account and b.id = s.blob
     left join connections k on k.id = b.connection
     where c.account = $1 and c.id = $2 and c.state = 'published' order by s.shard`,
    [account, content, chunk],
  );
}

export interface NewPlace {
  readonly blob: string;
  readonly connection: string;
  readonly domain: string;
  readonly name: string;
  readonly length: number;
}

export interface BeginMove {
  readonly id: ShardId;
  readonly from: string;
  readonly to: NewPlace;
  readonly why: MoveReason;
  readonly leaseSeconds: number;
}

/**
 * In a transaction: the intent of a move, if the content is still published and the shard where it was found, nobody
 * else moves it, and no other shard of the chunk lies in that domain or is on its way there. The chunk's row is held,
 * so that two shards of one chunk begin one after the other. Answers the fence, or what is in the way.
 */
export async function beginMove(
  sql: Sql,
  { id, from, to, why, leaseSeconds }: BeginMove,
): Promise<number | 'gone' | 'busy' | 'taken'> {
  const held = await sql.prepared(
    'hold-chunk',
    `select 1 from contents c join chunks k on k.account = c.account and k.content = c.id
     where c.account = $1 and c.id = $2 and c.state = 'published' and k.index = $3
     for share of c for no key update of k`,
    [id.account, id.content, id.chunk],
  );
  if (held.length === 0) return 'gone';
  const [begun] = await sql.prepared<{ there: boolean; busy: boolean; taken: boolean; fence: number | null }>(
    'begin-move',
    `with other as (
       select shard, blob from shards where account = $1 and content = $2 and chunk = $3 and shard <> $4
       union all
       select shard, to_blob from moves where account = $1 and content = $2 and chunk = $3 and shard <> $4
     ), seen as (
       select exists (
           select 1 from shards where account = $1 and content = $2 and chunk = $3 and shard = $4 and blob = $5) as there,
         exists (select 1 from moves where account = $1 and content = $2 and chunk = $3 and shard = $4) as busy,
         exists (
           select 1 from other join blobs b on b.account = $1 and b.id = other.blob and b.state in ('intended', 'live')
           join connections k on k.id = b.connection and k.removed_at is null where k.domain = $6)
           or not exists (select 1 from connections where id = $8::uuid and removed_at is null) as taken
     ), intended as (
       insert into blobs (account, id, connection, name, length, state)
       select $1::uuid, $7::uuid, $8::uuid, $9::text, $10::bigint, 'intended' from seen where there and not busy and not taken
       returning id
     ), begun as (
       insert into moves (account, content, chunk, shard, from_blob, to_blob, why, fence, lease_until)
       select $1::uuid, $2::uuid, $3::int, $4::smallint, $5::uuid, id, $11::text, nextval('upkeep_fence'),
         now() + make_interval(secs => $12) from intended returning fence
     )
     select there, busy, taken, (select fence from begun) as fence from seen`,
    [...keyOf(id), from, to.domain, to.blob, to.connection, to.name, to.length, why, leaseSeconds],
  );
  if (!begun || begun.busy) return begun ? 'busy' : 'gone';
  if (!begun.there) return 'gone';
  return begun.fence ?? 'taken';
}

/** False when somebody took the move away: from then on nothing of it counts. A fence is one move's, of a shard or several. */
export async function renewMove(
  sql: Sql,
  { account, content, chunk }: ShardId,
  fence: number,
  leaseSeconds: number,
): Promise<boolean> {
  const renewed = await sql.execute(
    `update moves set lease_until = now() + make_interval(secs => $5)
     where account = $1 and content = $2 and chunk = $3 and fence = $4`,
    [account, content, chunk, fence, leaseSeconds],
  );
  return renewed > 0;
}

export interface Swap {
  readonly fence: number;
  readonly from: string;
  readonly to: string;
  readonly checksum: string | null;
}

/**
 * In a transaction: the shard lies in its new blob, the old one is condemned. Only with the move's own row, under its
 * fence, only if the shard is where it was when the move began, and if the new place was not removed meanwhile: who was
 * paused wakes after all was settled that lay there. May be asked again when a COMMIT was lost: a swap that
 * was made answers as it did. `lost` and `gone` have changed nothing.
 */
export async function swapMove(sql: Sql, id: ShardId, swap: Swap): Promise<'moved' | 'lost' | 'gone'> {
  if (!(await holdPublished(sql, id))) return 'gone';
  const [done] = await sql.prepared<{ ended: boolean; moved: boolean }>(
    'swap-move',
    `with ended as (
       delete from moves where account = $1 and content = $2 and chunk = $3 and shard = $4 and fence = $5 and to_blob = $6
       returning 1
     ), lively as (
       update blobs set state = 'live', checksum = $7, proved_at = now()
       where account = $1 and id = $6 and state = 'intended' and exists (select 1 from ended)
         and exists (select 1 from connections k where k.id = blobs.connection and k.removed_at is null) returning id
     ), moved as (
       update shards set blob = lively.id, "offset" = 0, home = null from lively
       where account = $1 and content = $2 and chunk = $3 and shard = $4 and blob = $8 returning 1
     ), freed as (
       update blobs set ${CONDEMNED} where account = $1 and id = $8 and exists (select 1 from moved)
     )
     select exists (select 1 from ended) as ended, exists (select 1 from moved) as moved`,
    [...keyOf(id), swap.fence, swap.to, swap.checksum, swap.from],
  );
  if (!done?.ended) return (await liesIn(sql, id, swap.to)) ? 'moved' : 'lost';
  if (done.moved) return 'moved';
  await sql.execute(`update blobs set ${CONDEMNED} where account = $1 and id = $2`, [id.account, swap.to]);
  return 'lost';
}

/** Ends a move that came to nothing: its row goes, what it may have left is condemned. Nothing, when it is not ours any more. */
export async function abandonMove(sql: Sql, id: ShardId, fence: number): Promise<void> {
  await sql.execute(
    `with ended as (
       delete from moves where account = $1 and content = $2 and chunk = $3 and fence = $4
       returning account, to_blob
     ), left_over as (${inLockOrder(OF_ENDED)})
     update blobs b set state = 'condemned', condemned_at = now() from left_over l where b.account = l.account and b.id = l.id`,
    [id.account, id.content, id.chunk, fence],
  );
}

/** Takes away moves whose lease is over, and condemns what they may have left, in one statement. */
export async function sweepLapsedMoves(sql: Sql, most: number): Promise<number> {
  const rows = await sql.query<{ swept: number }>(
    `with lapsed as (
       select account, content, chunk, shard from moves where lease_until < now() limit $1 for update skip locked
     ), ended as (
       delete from moves m using lapsed l
       where m.account = l.account and m.content = l.content and m.chunk = l.chunk and m.shard = l.shard
       returning m.account, m.to_blob
     ), left_over as (${inLockOrder(OF_ENDED)}), condemned as (
       update blobs b set state = 'condemned', condemned_at = now() from left_over l where b.account = l.account and b.id = l.id
     )
     select count(*) as swept from ended`,
    [most],
  );
  return rows[0]?.swept ?? 0;
}

const OF_ENDED = `ended e join blobs b on b.account = e.account and b.id = e.to_blob and b.state in ('intended', 'live')`;

/** To be deleted; what lay on a removed connection is not looked for any more, and what is ended stays so. */
const CONDEMNED = `
  state = case when state in ('intended', 'live') then 'condemned' else state end,
  condemned_at = coalesce(condemned_at, now()),
  absent_looks = case state when 'gone' then 2 else absent_looks end`;

function keyOf({ account, content, chunk, shard }: ShardId): [string, string, number, number] {
  return [account, content, chunk, shard];
}

/** Nobody erases it until the transaction ends. False when it is not published (any more). */
export async function holdPublished(
  sql: Sql,
  { account, content }: Pick<ShardId, 'account' | 'content'>,
): Promise<boolean> {
  const held = await sql.prepared(
    'hold-published',
    `select 1 from contents where account = $1 and id = $2 and state = 'published' for share`,
    [account, content],
  );
  return held.length > 0;
}

async function liesIn(sql: Sql, id: ShardId, blob: string): Promise<boolean> {
  const rows = await sql.query(
    'select 1 from shards where account = $1 and content = $2 and chunk = $3 and shard = $4 and blob = $5',
    [id.account, id.content, id.chunk, id.shard, blob],
  );
  return rows.length > 0;
}
