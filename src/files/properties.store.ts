import type { Sql } from '../database/index.js';

/** Gives each target the properties of its source, and no others. */
export async function copyProperties(
  sql: Sql,
  account: string,
  sources: readonly string[],
  targets: readonly string[],
): Promise<void> {
  await sql.prepared('drop-properties', 'delete from node_properties where account = $1 and node = any($2::uuid[])', [
    account,
    targets,
  ]);
  await sql.prepared(
    'copy-properties',
    `insert into node_properties (account, node, namespace, name, value)
     select $1::uuid, c.target, p.namespace, p.name, p.value
     from unnest($2::uuid[], $3::uuid[]) as c(source, target)
     join node_properties p on p.account = $1 and p.node = c.source`,
    [account, sources, targets],
  );
}
