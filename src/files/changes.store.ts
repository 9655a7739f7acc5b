import type { Sql } from '../database/index.js';
import { type ListedRow, NODE, VERSION } from './tree.store.js';

export interface ChangeRow {
  xid: string;
  seq: number;
  node: string;
  node_kind: 'folder' | 'file';
  change: 'made' | 'stored' | 'moved' | 'trashed' | 'restored' | 'erased';
  at: Date;
}

export interface Present {
  /** No transaction below this one runs any more, and none below it will. */
  until: string;
  /** Which numbering of transactions this is: another one after a restored backup or a failover. */
  feed: string;
  /** Changes of transactions up to this one were forgotten. */
  forgotten_until: string;
}

export async function presentOf(sql: Sql): Promise<Present> {
  const rows = await sql.query<Present>(
    `select pg_snapshot_xmin(pg_current_snapshot())::text as until, forgotten_until::text,
       left(md5(system_identifier || '.' || timeline_id), 12) as feed
     from change_feed, pg_control_system(), pg_control_checkpoint()`,
  );
  return rows[0] as Present;
}

/** Changes after a place in the order, of transactions below `until`. */
export function changesAfter(
  sql: Sql,
  account: string,
  page: { xid: string; seq: number; until: string; most: number },
): Promise<ChangeRow[]> {
  return sql.query<ChangeRow>(
    `select c.xid::text, c.seq, c.node, c.node_kind, c.change, c.at from changes c
     where c.account = $1 and (c.xid, c.seq) > ($2::xid8, $3::bigint) and c.xid < $4::xid8
     order by c.xid, c.seq limit $5`,
    [account, page.xid, page.seq, page.until, page.most],
  );
}

export interface PlacedRow {
  node: string;
  /** From the top folder down, its own last. */
  names: string[];
  /** Itself, or a folder that it lies in. */
  trashed: boolean;
}

/** Where nodes lie now. One look into the primary key for each step up, whatever the planner thinks of a young tree. */
export function presentPlaces(sql: Sql, account: string, nodes: readonly string[]): Promise<PlacedRow[]> {
  return sql.prepared<PlacedRow>(
    'places-of',
    `with recursive up as (
       select n.id as node, n.parent, n.name, n.trashed_at, 0 as depth
       from nodes n where n.account = $1 and n.id = any($2::uuid[])
       union all
       select up.node, p.parent, p.name, p.trashed_at, up.depth + 1 from up join lateral (
         select parent, name, trashed_at from nodes where account = $1 and id = up.parent limit 1
       ) p on true
     )
     select node, coalesce(array_agg(name order by depth desc) filter (where parent is not null), '{}') as names,
       bool_or(trashed_at is not null) as trashed
     from up group by node`,
    [account, nodes],
  );
}

export function nodesById(sql: Sql, account: string, nodes: readonly string[]): Promise<ListedRow[]> {
  return sql.prepared<ListedRow>(
    'nodes-by-id',
    `select ${NODE}, ${VERSION} from nodes n left join versions v on v.account = $1 and v.id = n.head
     where n.account = $1 and n.id = any($2::uuid[])`,
    [account, nodes],
  );
}

/**
 * Takes note of the database cluster that numbers the transactions. Rows that were brought over from another one (a dump)
 * carry that one's numbers, which say nothing here: they are forgotten, and programs that follow begin anew.
 */
export async function settleFeed(sql: Sql): Promise<void> {
  const made = await sql.execute(
    `insert into change_feed (cluster) select system_identifier::text from pg_control_system() on conflict do nothing`,
  );
  if (made > 0) return;
  const moved = await sql.execute(
    `update change_feed set cluster = system_identifier::text, forgotten_until = '0'
     from pg_control_system() where cluster <> system_identifier::text`,
  );
  if (moved > 0) await sql.query('truncate changes');
}

/** Forgets some of the oldest changes, and notes how far, in one transaction. */
export async function forgetChanges(sql: Sql, days: number, most: number): Promise<number> {
  const gone = await sql.query<{ xid: string }>(
    `delete from changes where (tableoid, ctid) in (
       select tableoid, ctid from changes where at < now() - make_interval(days => $1) limit $2)
     returning xid::text`,
    [days, most],
  );
  if (gone.length === 0) return 0;
  const last = gone.map(({ xid }) => BigInt(xid)).reduce((highest, xid) => (xid > highest ? xid : highest));
  await sql.execute(`update change_feed set forgotten_until = $1::xid8 where forgotten_until < $1::xid8`, [`${last}`]);
  return gone.length;
}
