import type { Sql } from '../../database/index.js';
import type { LyingHere } from './lying-here.js';

/** A connection that shards wait for in a spool. */
export interface AwaitedHome {
  readonly home: string;
  /** Whether it takes shards, as far as its row says: there, wanted, and without trouble that somebody has to end. */
  readonly open: boolean;
  /** Whether one of them has waited for longer than the given time since its content was published. */
  readonly overdue: boolean;
}

export function awaitedHomes(sql: Sql, waitSeconds: number): Promise<AwaitedHome[]> {
  return sql.query(
    `select s.home, coalesce(bool_and(k.enabled and k.removed_at is null and k.alarm is null and k.given_up_at is null
         and k.needs_reconnect_at is null and k.drain_since is null), false) as open,
       bool_or(c.ended_at < now() - make_interval(secs => $1)) as overdue
     from shards s join contents c on c.account = s.account and c.id = s.content and c.state = 'published'
     left join connections k on k.id = s.home
     where s.home is not null group by s.home`,
    [waitSeconds],
  );
}

export interface SpooledShard extends LyingHere {
  readonly connection: string;
  readonly overdue: boolean;
}

/** Shards that wait for this connection, a batch in the order of their blobs' names, after the given one. */
export function waitingFor(
  sql: Sql,
  home: string,
  { after, most, waitSeconds }: { after: string; most: number; waitSeconds: number },
): Promise<SpooledShard[]> {
  return sql.query(
    `select s.account, s.content, s.chunk, s.shard, s.blob, b.name, b.connection,
       c.ended_at < now() - make_interval(secs => $4) as overdue
     from shards s join contents c on c.account = s.account and c.id = s.content and c.state = 'published'
     join blobs b on b.account = s.account and b.id = s.blob
     where s.home = $1 and b.name > $2 order by b.name limit $3`,
    [home, after, most, waitSeconds],
  );
}

export async function countWaiting(sql: Sql, home: string): Promise<number> {
  const rows = await sql.query<{ left: number }>(
    `select count(*) as left from shards s
     join contents c on c.account = s.account and c.id = s.content and c.state = 'published' where s.home = $1`,
    [home],
  );
  return rows[0]?.left ?? 0;
}
