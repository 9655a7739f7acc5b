import type { Sql } from '../../database/index.js';

export interface LeavingCount {
  readonly id: string;
  /** Whether its shards stop counting, or count again. */
  readonly out: boolean;
  /** Where the counting has come to. */
  readonly after: string;
  /** What it fails together with, as it is counted. */
  readonly domain: string;
}

const LOST = '(k.given_up_at is not null or k.removed_at is not null)';
const reached = (out: string): string =>
  `case when k.counted_out is null and k.counting_out = ${out} then k.counted_after else '' end`;

/** A connection that was given up, removed, or taken back, and is not counted so yet. */
export async function nextToCount(sql: Sql): Promise<LeavingCount | undefined> {
  const rows = await sql.query<LeavingCount>(
    `select k.id, ${LOST} as out, ${reached(LOST)} as after, k.domain from connections k
     where k.counted_out is distinct from ${LOST} limit 1`,
  );
  return rows[0];
}

/**
 * A batch of its blobs in the order of their names; answers the last name, null when there were no more. How far it came is
 * noted only where nothing has happened to the connection since it was looked at, and nobody else has counted the same: what
 * was counted before is counted anew otherwise.
 */
export async function countPart(
  sql: Sql,
  { id, out, after, domain }: LeavingCount,
  most: number,
): Promise<string | null> {
  const rows = await sql.query<{ last: string | null; blobs: number }>(
    `with part as (
       select account, id, name from blobs where connection = $1 and name > $2 order by name limit $3
     ), chunks as (
       select distinct s.account, s.content, s.chunk from part p join shards s on s.account = p.account and s.blob = p.id
     ), counted as (
       select recount_chunks(array_agg(account), array_agg(content), array_agg(chunk)) from chunks having count(*) > 0
     )
     select max(name) as last, count(*) as blobs, (select count(*) from counted) as done from part`,
    [id, after, most],
  );
  const { last, blobs } = rows[0]!;
  const ended = blobs < most;
  await sql.execute(
    `update connections k set counted_out = case when $3 then $2::boolean end, counting_out = $2,
       counted_after = case when $3 then null else $4 end
     where k.id = $1 and k.counted_out is distinct from $2 and ${LOST} = $2 and ${reached('$2')} = $5 and k.domain = $6`,
    [id, out, ended, last, after, domain],
  );
  return ended ? null : last;
}

/**
 * What the triggers could not see: a fault noted while its content was a draft, and a content that ended while a chunk of
 * it was counted. Both are rare, and looked for rarely.
 */
export async function recountStrays(sql: Sql, most: number): Promise<void> {
  await sql.query(
    `select recount_chunks(array_agg(account), array_agg(content), array_agg(chunk)) from (
       select s.account, s.content, s.chunk from blobs b
       join shards s on s.account = b.account and s.blob = b.id
       join contents c on c.account = s.account and c.id = s.content and c.state = 'published'
       where b.fault is not null and b.state = 'live' and not exists (
         select 1 from weak_chunks w where w.account = s.account and w.content = s.content and w.chunk = s.chunk)
       limit $1) as strays having count(*) > 0`,
    [most],
  );
  await sql.execute(
    `delete from weak_chunks w where not exists (
       select 1 from contents c where c.account = w.account and c.id = w.content and c.state = 'published')`,
  );
}
