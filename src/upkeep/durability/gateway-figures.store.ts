import type { Sql } from '../../database/index.js';

export function chunksByLossesLeft(sql: Sql): Promise<{ survives: number; chunks: number }[]> {
  return sql.query('select survives, count(*) as chunks from weak_chunks group by survives order by survives');
}

export function faultsByKind(sql: Sql): Promise<{ fault: string; blobs: number }[]> {
  return sql.query(
    `select fault, count(*) as blobs from blobs where fault is not null and state = 'live' group by fault order by fault`,
  );
}

export function movesByReason(sql: Sql): Promise<{ why: string; shards: number }[]> {
  return sql.query('select why, count(*) as shards from moves where lease_until > now() group by why order by why');
}

export async function spooledShards(sql: Sql): Promise<number> {
  const rows = await sql.query<{ shards: number }>('select count(*) as shards from shards where home is not null');
  return rows[0]?.shards ?? 0;
}

/** Of people's own connections together by their provider: then `connection` is null. */
export function scrubAges(sql: Sql): Promise<{ provider: string; connection: string | null; seconds: number }[]> {
  return sql.query(
    `select k.provider, case when k.account is null then k.id end as connection,
       max(extract(epoch from now() - coalesce(s.ended_at, s.began_at)))::double precision as seconds
     from scrubs s join connections k on k.id = s.connection and k.removed_at is null and k.enabled
     group by 1, 2 order by 1, 2`,
  );
}
