import type { Sql } from '../database/index.js';
import { refuseImmutable } from './immutable.store.js';
import { type ListedRow, NODE, type NodeRow, VERSION } from './tree.store.js';

/** Throws Immutable. The caller holds the structure. */
export async function putIntoTrash(sql: Sql, account: string, node: string, path: string): Promise<void> {
  await refuseImmutable(sql, account, node);
  await sql.query('update nodes set trashed_at = now(), trashed_path = $3 where account = $1 and id = $2', [
    account,
    node,
    path,
  ]);
}

export async function trashedNode(
  sql: Sql,
  account: string,
  id: string,
): Promise<(NodeRow & { trashed_path: string }) | undefined> {
  const rows = await sql.query<NodeRow & { trashed_path: string }>(
    `select ${NODE}, n.trashed_path from nodes n where account = $1 and id = $2 and trashed_at is not null for update`,
    [account, id],
  );
  return rows[0];
}

export type TrashedRow = ListedRow & {
  trashed_path: string;
  trashed_at: Date;
  /** Null where the trash is never emptied by itself. */
  days_left: number | null;
  /** With the microseconds that a Date drops. */
  trashed_exactly: string;
};

/**
 * What was put into the trash by itself, the newest first, older than the given one; what lay in a folder goes with it.
 * What is being erased is not there any more.
 */
export function trashedNodes(
  sql: Sql,
  account: string,
  page: { before: { at: string; id: string } | null; most: number; keptDays: number },
): Promise<TrashedRow[]> {
  return sql.prepared<TrashedRow>(
    'trashed-nodes',
    `select ${NODE}, ${VERSION}, n.trashed_path, n.trashed_at,
       to_char(n.trashed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as trashed_exactly,
       greatest(0, ceil(extract(epoch from n.trashed_at + make_interval(days => nullif($5::int, 0)) - now()) / 86400))::int
         as days_left
     from (select * from nodes where account = $1 and trashed_at is not null
             and not exists (select 1 from erasures e where e.account = $1 and e.node = nodes.id)
             and (trashed_at, id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
           order by trashed_at desc, id desc limit $4) n
     left join versions v on v.account = $1 and v.id = n.head
     order by n.trashed_at desc, n.id desc`,
    [account, page.before?.at ?? null, page.before?.id ?? null, page.most, page.keptDays],
  );
}
