import type { Sql } from '../database/index.js';

/** A property as a program wrote it down: its name in a namespace, and its value, which nobody here understands. */
export interface Property {
  readonly namespace: string;
  readonly name: string;
  readonly value: string;
}

export type PropertyName = Omit<Property, 'value'>;

/** Of any of the nodes; only those with one of the names, where names are told. */
export function propertiesOf(
  sql: Sql,
  account: string,
  nodes: readonly string[],
  names: readonly PropertyName[] | null,
): Promise<(Property & { node: string })[]> {
  return sql.query(
    `select node, namespace, name, value from node_properties
     where account = $1 and node = any($2::uuid[])
       and ($3::text[] is null or (namespace, name) in (select * from unnest($3::text[], $4::text[])))
     order by node, namespace, name`,
    [account, nodes, names?.map((one) => one.namespace) ?? null, names?.map((one) => one.name) ?? null],
  );
}

export async function setProperty(sql: Sql, account: string, node: string, property: Property): Promise<void> {
  await sql.execute(
    `insert into node_properties (account, node, namespace, name, value) values ($1, $2, $3, $4, $5)
     on conflict (account, node, namespace, name) do update set value = excluded.value`,
    [account, node, property.namespace, property.name, property.value],
  );
}

export async function removeProperty(sql: Sql, account: string, node: string, name: PropertyName): Promise<void> {
  await sql.execute('delete from node_properties where account = $1 and node = $2 and namespace = $3 and name = $4', [
    account,
    node,
    name.namespace,
    name.name,
  ]);
}

export async function sizeOfProperties(
  sql: Sql,
  account: string,
  node: string,
): Promise<{ count: number; bytes: number }> {
  const rows = await sql.query<{ count: number; bytes: number }>(
    `select count(*) as count, coalesce(sum(octet_length(value)), 0)::bigint as bytes from node_properties
     where account = $1 and node = $2`,
    [account, node],
  );
  return rows[0]!;
}

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
