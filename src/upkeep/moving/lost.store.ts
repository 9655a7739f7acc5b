import type { Sql } from '../../database/index.js';
import type { ShardId } from './moves.store.js';

/** A shard that does not stand, while enough others of its chunk can be read to make it anew. */
export interface LostShard extends ShardId {
  readonly blob: string;
  readonly connection: string;
  readonly fault: 'missing' | 'damaged' | null;
  /** How many further losses its chunk survives; below zero it is read from a place that was given up, if at all. */
  readonly left: number;
}

/**
 * Blobs that do not stand: found faulty; on a connection that was given up; on one that was removed while contents wanted
 * them. Each of the three is found by an index of its own, so that an installation without losses scans nothing.
 */
const LOST = `
  lost as (
    select account, id, connection, fault, fault_at as since from blobs where fault is not null and state = 'live'
    union all
    select b.account, b.id, b.connection, null, k.given_up_at from connections k
    join blobs b on b.connection = k.id and b.state = 'live' and b.fault is null
    where k.given_up_at is not null and k.removed_at is null
    union all
    select b.account, b.id, b.connection, null, k.removed_at from connections k
    join blobs b on b.connection = k.id and b.state = 'gone' and b.absent_looks = 0
    where k.removed_at is not null
  ), torn as (
    select distinct s.account, s.content, s.chunk from lost l
    join shards s on s.account = l.account and s.blob = l.id
  ), weak as (
    select t.account, t.content, t.chunk,
      count(*) filter (where b.state = 'live' and b.fault is null and k.removed_at is null) as readable,
      count(*) filter (where b.state = 'live' and b.fault is null and k.removed_at is null and k.given_up_at is null) as standing,
      count(*) filter (where b.state = 'live' and b.fault is null and k.removed_at is null and k.failing_since is null
        and k.needs_reconnect_at is null) as answering
    from torn t
    join shards s on s.account = t.account and s.content = t.content and s.chunk = t.chunk
    join blobs b on b.account = s.account and b.id = s.blob
    left join connections k on k.id = b.connection
    group by t.account, t.content, t.chunk
  ), wanted as (
    select w.account, w.content, w.chunk, w.standing - p.data as left, w.answering >= p.data as now,
      count(*) over (partition by w.account, w.content) as chunks
    from weak w join contents c on c.account = w.account and c.id = w.content and c.state = 'published'
    join chunk_spreads p on p.account = w.account and p.content = w.content and p.chunk = w.chunk
    where w.readable >= p.data
  )`;

/**
 * What is to be repaired: chunks with the fewest losses left first, then contents of which most is in danger, then what was
 * lost first. After all of them come those whose other shards lie where nobody answers for the moment, since nothing can be
 * done about them now, and last those that can only be read from a place that was given up, since they hardly can. With how
 * many there are, whatever part is asked for.
 */
export async function lostShards(
  sql: Sql,
  most: number,
  aside: { blobs: readonly string[]; accounts: readonly string[] },
): Promise<{ shards: LostShard[]; total: number }> {
  const rows = await sql.query<LostShard & { total: number }>(
    `with ${LOST}
     select s.account, s.content, s.chunk, s.shard, s.blob, l.connection, l.fault, w.left::int as left,
       count(*) over () as total
     from lost l join shards s on s.account = l.account and s.blob = l.id
     join wanted w on w.account = s.account and w.content = s.content and w.chunk = s.chunk
     where l.id <> all ($2::uuid[]) and l.account <> all ($3::uuid[])
       and not exists (select 1 from moves m where m.account = s.account and m.content = s.content
         and m.chunk = s.chunk and m.shard = s.shard)
     order by w.left < 0, not w.now, w.left, w.chunks desc, l.since, s.blob limit $1`,
    [most, aside.blobs, aside.accounts],
  );
  return { shards: rows, total: rows[0]?.total ?? 0 };
}

/** How many there are, with those that somebody moves already. */
export async function countLost(sql: Sql): Promise<number> {
  const rows = await sql.query<{ lost: number }>(
    `with ${LOST}
     select count(*) as lost from lost l join shards s on s.account = l.account and s.blob = l.id
     join wanted w on w.account = s.account and w.content = s.content and w.chunk = s.chunk`,
  );
  return rows[0]?.lost ?? 0;
}

/** Whether anything is to be repaired. */
export async function anythingLost(sql: Sql): Promise<boolean> {
  const rows = await sql.query<{ found: boolean }>(`with ${LOST} select exists (select 1 from wanted) as found`);
  return rows[0]?.found ?? false;
}
