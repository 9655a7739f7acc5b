import { inLockOrder } from '../../contents/index.js';
import type { Sql } from '../../database/index.js';
import { holdPublished } from '../moving/index.js';

export interface ChunkId {
  readonly account: string;
  readonly content: string;
  readonly chunk: number;
}

export interface Spread {
  readonly data: number;
  readonly parity: number;
}

/** The chunk's length as it was sealed; null where it was stored before that was written down. */
export async function sealedOf(sql: Sql, { account, content, chunk }: ChunkId): Promise<number | null> {
  const rows = await sql.query<{ sealed: number | null }>(
    'select sealed from chunks where account = $1 and content = $2 and index = $3',
    [account, content, chunk],
  );
  return rows[0]?.sealed ?? null;
}

export interface IntendedShard {
  readonly shard: number;
  readonly blob: string;
  readonly connection: string;
  readonly domain: string;
  readonly name: string;
}

export interface BeginSpreading {
  readonly id: ChunkId;
  readonly from: Spread;
  /** Shards that stay as they are. */
  readonly kept: readonly number[];
  readonly made: readonly IntendedShard[];
  readonly length: number;
  readonly leaseSeconds: number;
}

/**
 * In a transaction: the intent of further shards, if the content is still published, the chunk still spread as it was
 * found, none of its shards on the move, and none of those that stay in one of the new domains. One fence for all of them.
 */
export async function beginSpreading(
  sql: Sql,
  { id, from, kept, made, length, leaseSeconds }: BeginSpreading,
): Promise<number | 'gone' | 'busy' | 'taken'> {
  const key = [id.account, id.content, id.chunk];
  if (!(await holdPublished(sql, id)) || !(await holdChunk(sql, id, from))) return 'gone';
  const [found] = await sql.query<{ busy: boolean; taken: boolean }>(
    `select exists (select 1 from moves where account = $1 and content = $2 and chunk = $3) as busy,
       exists (
         select 1 from shards s join blobs b on b.account = s.account and b.id = s.blob and b.state in ('intended', 'live')
         join connections k on k.id = b.connection and k.removed_at is null
         where s.account = $1 and s.content = $2 and s.chunk = $3 and s.shard = any ($4::int[])
           and k.domain = any ($5::text[]))
         or exists (
         select 1 from unnest($6::uuid[]) as m(id) left join connections k on k.id = m.id and k.removed_at is null
         where k.id is null) as taken`,
    [...key, kept, made.map(({ domain }) => domain), made.map(({ connection }) => connection)],
  );
  if (found?.busy) return 'busy';
  if (found?.taken) return 'taken';
  await sql.execute(
    `insert into blobs (account, id, connection, name, length, state)
     select $1, b.id, b.connection, b.name, $5, 'intended' from unnest($2::uuid[], $3::uuid[], $4::text[]) as b(id, connection, name)`,
    [id.account, ...columns(made), length],
  );
  const begun = await sql.query<{ fence: number }>(
    `with fence as (select nextval('upkeep_fence') as fence)
     insert into moves (account, content, chunk, shard, to_blob, why, fence, lease_until)
     select $1, $2, $3, m.shard, m.blob, 're-spread', fence.fence, now() + make_interval(secs => $6)
     from unnest($4::smallint[], $5::uuid[]) as m(shard, blob), fence returning fence`,
    [...key, made.map(({ shard }) => shard), made.map(({ blob }) => blob), leaseSeconds],
  );
  return (begun[0] as { fence: number }).fence;
}

export interface MadeShard {
  readonly shard: number;
  readonly blob: string;
  readonly length: number;
  readonly digest: Buffer;
  readonly checksum: string | null;
}

export interface SwapSpread {
  readonly from: Spread;
  readonly to: Spread;
  readonly kept: readonly number[];
  /** None where shards are only taken away: then there is no fence either. */
  readonly made: readonly MadeShard[];
  readonly fence: number | null;
}

/**
 * In a transaction: the chunk is spread anew. Only with its own rows, under their fence, and only if it is spread as it
 * was, and if what stays is still there to be counted on. Its other shards are condemned in the same transaction, wherever they lie by now. False where nothing was changed,
 * but what the caller has to roll back.
 */
export async function swapSpread(sql: Sql, id: ChunkId, swap: SwapSpread): Promise<boolean> {
  const key = [id.account, id.content, id.chunk];
  if (!(await holdPublished(sql, id)) || !(await holdChunk(sql, id, swap.from))) return false;
  const ended = await sql.execute(
    'delete from moves where account = $1 and content = $2 and chunk = $3 and fence = $4',
    [...key, swap.fence],
  );
  if (ended !== swap.made.length || !(await allStand(sql, id, swap.kept))) return false;
  const others = `select blob from shards where account = $1 and content = $2 and chunk = $3 and shard <> all ($4::int[])`;
  await sql.execute(
    `with others as (${inLockOrder(`blobs b where b.account = $1 and b.id in (${others}) and b.state <> 'condemned'`)})
     update blobs b set state = case b.state when 'gone' then 'gone' else 'condemned' end,
       condemned_at = coalesce(b.condemned_at, now()), absent_looks = case b.state when 'gone' then 2 else b.absent_looks end
     from others o where b.account = $1 and b.id = o.id`,
    [...key, swap.kept],
  );
  await sql.execute(
    'delete from shards where account = $1 and content = $2 and chunk = $3 and shard <> all ($4::int[])',
    [...key, swap.kept],
  );
  if (!(await addShards(sql, id, swap.made))) return false;
  await sql.execute('update chunks set data = $4, parity = $5 where account = $1 and content = $2 and index = $3', [
    ...key,
    swap.to.data,
    swap.to.parity,
  ]);
  return true;
}

async function allStand(sql: Sql, { account, content, chunk }: ChunkId, shards: readonly number[]): Promise<boolean> {
  const found = await sql.query<{ stand: number }>(
    `select count(*) as stand from standing_shards where account = $1 and content = $2 and chunk = $3 and shard = any ($4::int[])`,
    [account, content, chunk, shards],
  );
  return found[0]?.stand === shards.length;
}

async function addShards(sql: Sql, id: ChunkId, made: readonly MadeShard[]): Promise<boolean> {
  const alive = await sql.execute(
    `update blobs set state = 'live', checksum = m.checksum, proved_at = now()
     from unnest($2::uuid[], $3::text[]) as m(id, checksum)
     where blobs.account = $1 and blobs.id = m.id and blobs.state = 'intended'
       and exists (select 1 from connections k where k.id = blobs.connection and k.removed_at is null)`,
    [id.account, made.map(({ blob }) => blob), made.map(({ checksum }) => checksum)],
  );
  await sql.execute(
    `insert into shards (account, content, chunk, shard, blob, "offset", length, digest)
     select $1, $2, $3, m.shard, m.blob, 0, m.length, m.digest
     from unnest($4::smallint[], $5::uuid[], $6::bigint[], $7::bytea[]) as m(shard, blob, length, digest)`,
    [
      id.account,
      id.content,
      id.chunk,
      made.map(({ shard }) => shard),
      made.map(({ blob }) => blob),
      made.map(({ length }) => length),
      made.map(({ digest }) => digest),
    ],
  );
  return alive === made.length;
}

/** Holds the chunk's row, as whoever moves one of its shards does. False where it is spread otherwise by now. */
async function holdChunk(sql: Sql, id: ChunkId, from: Spread): Promise<boolean> {
  const held = await sql.query(
    `select 1 from chunks k join contents c on c.account = k.account and c.id = k.content
     where k.account = $1 and k.content = $2 and k.index = $3
       and coalesce(k.data, c.data) = $4 and coalesce(k.parity, c.parity) = $5 for no key update of k`,
    [id.account, id.content, id.chunk, from.data, from.parity],
  );
  return held.length > 0;
}

/** Whether a swap was made whose COMMIT was not heard of. */
export async function isSpread(sql: Sql, id: ChunkId, to: Spread): Promise<boolean> {
  const rows = await sql.query(
    'select 1 from chunk_spreads where account = $1 and content = $2 and chunk = $3 and data = $4 and parity = $5',
    [id.account, id.content, id.chunk, to.data, to.parity],
  );
  return rows.length > 0;
}

function columns(made: readonly IntendedShard[]): unknown[] {
  return [made.map(({ blob }) => blob), made.map(({ connection }) => connection), made.map(({ name }) => name)];
}
