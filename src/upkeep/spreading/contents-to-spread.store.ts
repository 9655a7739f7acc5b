import type { Sql } from '../../database/index.js';
import type { Spread } from './chunk-spread.store.js';

const OTHERWISE = `c.account = $1 and c.state = 'published' and (c.data <> $2 or c.parity <> $3
  or exists (select 1 from chunks k where k.account = c.account and k.content = c.id and k.data is not null))`;

/** Contents that are spread otherwise, or in part, in the order of ids, after the given one. */
export async function contentsToSpread(
  sql: Sql,
  account: string,
  to: Spread,
  { after, most }: { after: string; most: number },
): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `select c.id from contents c where ${OTHERWISE} and c.id > $4 order by c.id limit $5`,
    [account, to.data, to.parity, after, most],
  );
  return rows.map(({ id }) => id);
}

export async function countChunksToSpread(sql: Sql, account: string, to: Spread): Promise<number> {
  const rows = await sql.query<{ left: number }>(
    `select count(*) as left from contents c
     join chunk_spreads p on p.account = c.account and p.content = c.id and (p.data <> $2 or p.parity <> $3)
     where ${OTHERWISE}`,
    [account, to.data, to.parity],
  );
  return rows[0]?.left ?? 0;
}

/** Chunks of a content that are spread otherwise, in their order, from the given one on. */
export async function chunksToSpread(
  sql: Sql,
  { account, content }: { account: string; content: string },
  to: Spread,
  { from, most }: { from: number; most: number },
): Promise<number[]> {
  const rows = await sql.query<{ chunk: number }>(
    `select chunk from chunk_spreads where account = $1 and content = $2 and (data <> $3 or parity <> $4) and chunk >= $5
     order by chunk limit $6`,
    [account, content, to.data, to.parity, from, most],
  );
  return rows.map(({ chunk }) => chunk);
}

/** In a transaction: the content itself says how its chunks are spread, if all of them are. Nobody moves a shard of it meanwhile. */
export async function settleContent(sql: Sql, account: string, content: string, to: Spread): Promise<boolean> {
  const held = await sql.query(
    `select 1 from contents where account = $1 and id = $2 and state = 'published' for update`,
    [account, content],
  );
  const left = await sql.query(
    'select 1 from chunk_spreads where account = $1 and content = $2 and (data <> $3 or parity <> $4) limit 1',
    [account, content, to.data, to.parity],
  );
  if (held.length === 0 || left.length > 0) return false;
  await sql.execute('update contents set data = $3, parity = $4 where account = $1 and id = $2', [
    account,
    content,
    to.data,
    to.parity,
  ]);
  await sql.execute(
    'update chunks set data = null, parity = null where account = $1 and content = $2 and data is not null',
    [account, content],
  );
  return true;
}

/** Shards of an account on connections that its spread does not name, in the order of their blobs' ids, after the given one. */
export function shardsElsewhere(
  sql: Sql,
  account: string,
  chosen: readonly string[],
  { after, most }: { after: string; most: number },
): Promise<{ account: string; content: string; chunk: number; shard: number; blob: string; name: string }[]> {
  return sql.query(
    `select s.account, s.content, s.chunk, s.shard, s.blob, b.name from blobs b
     join shards s on s.account = b.account and s.blob = b.id and s.home is null
     join contents c on c.account = s.account and c.id = s.content and c.state = 'published'
     where b.account = $1 and b.state = 'live' and b.connection <> all ($2::uuid[]) and b.id > $3 order by b.id limit $4`,
    [account, chosen, after, most],
  );
}
