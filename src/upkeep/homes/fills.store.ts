import type { Sql } from '../../database/index.js';
import type { LyingHere } from './lying-here.js';

export interface HeldThere {
  readonly id: string;
  /** What lies there of ours, whoever's. */
  readonly ours: number;
  /** As the provider said last; null where it does not tell. */
  readonly free: number | null;
  /** Its owner's limit for what may lie there. */
  readonly most: number | null;
}

/** Counts through all that lies there: not for every round. */
export function heldThere(sql: Sql, connections: readonly string[] | null): Promise<HeldThere[]> {
  return sql.query(
    `select k.id, k.space_free as free, (k.limits->>'maxBytes')::bigint as most,
       (select coalesce(sum(length), 0)::bigint from blobs b where b.connection = k.id and b.state in ('intended', 'live')) as ours
     from connections k where k.removed_at is null and ($1::uuid[] is null or k.id = any ($1::uuid[]))`,
    [connections],
  );
}

/** Whose shards lie on one of these connections. */
export async function accountsOn(sql: Sql, connections: readonly string[]): Promise<string[]> {
  const rows = await sql.query<{ account: string }>(
    `select distinct account from blobs where connection = any ($1::uuid[]) and state = 'live'`,
    [connections],
  );
  return rows.map(({ account }) => account);
}

export interface ShardBeside extends LyingHere {
  readonly length: number;
  readonly shards: number;
  /** Where the chunk's other shards lie, and what these fail together with. */
  readonly others: string[];
  readonly domains: string[];
}

/** An account's shards on a connection, a batch in the order of their blobs' names, after the given one. */
export function shardsBeside(
  sql: Sql,
  place: { account: string; connection: string },
  { after, most }: { after: string; most: number },
): Promise<ShardBeside[]> {
  return sql.query(
    `select s.account, s.content, s.chunk, s.shard, s.blob, b.name, b.length, p.data + p.parity as shards, o.others, o.domains
     from blobs b
     join shards s on s.account = b.account and s.blob = b.id and s.home is null
     join contents c on c.account = s.account and c.id = s.content and c.state = 'published'
     join chunk_spreads p on p.account = s.account and p.content = s.content and p.chunk = s.chunk
     cross join lateral (
       select coalesce(array_agg(k.id), '{}') as others, coalesce(array_agg(k.domain), '{}') as domains
       from shards x join blobs y on y.account = x.account and y.id = x.blob join connections k on k.id = y.connection
       where x.account = s.account and x.content = s.content and x.chunk = s.chunk and x.shard <> s.shard) o
     where b.account = $1 and b.connection = $2 and b.state = 'live' and b.fault is null and b.name > $3
     order by b.name limit $4`,
    [place.account, place.connection, after, most],
  );
}
