import type { Sql } from '../database/index.js';

/** The names from the top folder down to each of the nodes; where a folder above lies in the trash, from where it was. */
export function pathsOf(
  sql: Sql,
  account: string,
  nodes: readonly string[],
): Promise<{ id: string; names: string[]; trashed_path: string | null }[]> {
  return sql.query(
    `with recursive up as (
       select id as start, parent, trashed_path, array[name] as names from nodes where account = $1 and id = any ($2)
       union all
       select up.start, n.parent, n.trashed_path, case when n.parent is null then up.names else n.name || up.names end
       from up join nodes n on n.account = $1 and n.id = up.parent where up.trashed_path is null
     )
     select start as id, names, trashed_path from up where parent is null or trashed_path is not null`,
    [account, nodes],
  );
}
