import { type Sql, violates } from '../database/index.js';
import { NameTaken } from './errors.js';
import { nameKey, type Names } from './names.js';

export interface NodeRow {
  id: string;
  parent: string | null;
  kind: 'folder' | 'file';
  name: string;
  head: string | null;
  created_at: Date;
  modified_at: Date;
}

export interface VersionRow {
  version: string;
  content: string;
  size: number;
  content_type: string;
  version_modified_at: Date;
  version_created_at: Date;
  account_key: string;
  mac: Buffer;
  sealed_sha256: Buffer;
}

/** A node with its newest version's columns beside it, all null for a folder. */
export type ListedRow = NodeRow & { [Key in keyof VersionRow]: VersionRow[Key] | null };

export const NODE = 'n.id, n.parent, n.kind, n.name, n.head, n.created_at, n.modified_at';
export const VERSION = `v.id as version, v.content, v.size, v.content_type, v.modified_at as version_modified_at,
  v.created_at as version_created_at, v.account_key, v.mac, v.sealed_sha256`;

export async function insertRoot(sql: Sql, account: string): Promise<void> {
  await sql.query(
    `insert into nodes (account, id, kind, name, name_key) values ($1, $1, 'folder', '', '') on conflict do nothing`,
    [account],
  );
}

/**
 * The nodes along a path, from the top folder as deep as they exist. Limit and order mean nothing to the answer: they lead
 * the planner, which knows nothing of a young tree, to one look into the index of names for each step.
 */
export function walk(sql: Sql, account: string, names: Names): Promise<NodeRow[]> {
  return walkFrom(sql, account, account, names);
}

/** The same, from any node down. */
export function walkFrom(sql: Sql, account: string, start: string, names: Names): Promise<NodeRow[]> {
  return sql.prepared<NodeRow>(
    'walk',
    `with recursive walk as (
       select ${NODE}, 0 as depth from nodes n where n.account = $1 and n.id = $3
       union all
       select n.*, walk.depth + 1 from walk join lateral (
         select ${NODE} from nodes n
         where n.account = $1 and n.parent = walk.id and n.name_key = ($2::text[])[walk.depth + 1] and n.trashed_at is null
         order by n.name_key limit 1
       ) n on true
       where walk.depth < cardinality($2::text[])
     )
     select * from walk order by depth`,
    [account, names.map(nameKey), start],
  );
}

/** A node as it is now, locked until the transaction ends; undefined when it is in the trash, or elsewhere by now. */
export async function lockNode(sql: Sql, account: string, node: NodeRow): Promise<NodeRow | undefined> {
  const rows = await sql.prepared<NodeRow>(
    'lock-node',
    `select ${NODE} from nodes n where n.account = $1 and n.id = $2 and n.trashed_at is null
       and n.parent is not distinct from $3 and n.name_key = $4 for update`,
    [account, node.id, node.parent, nameKey(node.name)],
  );
  return rows[0];
}

/** Moves, deletions and restores of an account's tree go one after the other; uploads do not wait for them. */
export async function lockStructure(sql: Sql, account: string): Promise<void> {
  await sql.query('select 1 from nodes where account = $1 and id = $1 for no key update', [account]);
}

/** A folder. Undefined when the name is taken by now. */
export async function insertFolder(
  sql: Sql,
  account: string,
  node: { id: string; parent: string; name: string },
): Promise<NodeRow | undefined> {
  const rows = await sql.prepared<NodeRow>(
    'insert-folder',
    `insert into nodes as n (account, id, parent, kind, name, name_key) values ($1, $2, $3, 'folder', $4, $5)
     on conflict (account, parent, name_key) where trashed_at is null do nothing returning ${NODE}`,
    [account, node.id, node.parent, node.name, nameKey(node.name)],
  );
  return rows[0];
}

export async function childNamed(
  sql: Sql,
  account: string,
  parent: string,
  name: string,
): Promise<NodeRow | undefined> {
  const rows = await sql.query<NodeRow>(
    `select ${NODE} from nodes n where account = $1 and parent = $2 and name_key = $3 and trashed_at is null`,
    [account, parent, nameKey(name)],
  );
  return rows[0];
}

/** Throws NameTaken: uploads do not wait for a move, and one may have made the name since the caller looked. */
export async function relocate(
  sql: Sql,
  account: string,
  node: string,
  place: { parent: string; name: string },
): Promise<NodeRow> {
  const taken = sql.query<NodeRow>(
    `update nodes as n set parent = $3, name = $4, name_key = $5, trashed_at = null, trashed_path = null,
       modified_at = case when kind = 'folder' then now() else modified_at end
     where account = $1 and id = $2 returning ${NODE}`,
    [account, node, place.parent, place.name, nameKey(place.name)],
  );
  const rows = await taken.catch((error: unknown) => {
    throw violates(error) ? new NameTaken() : error;
  });
  return rows[0]!;
}

/** Children in the order of their names' bytes, after the given one. Keyset paging: no page shifts when names come and go. */
export function children(
  sql: Sql,
  account: string,
  folder: string,
  page: { after: string; most: number },
): Promise<ListedRow[]> {
  return sql.prepared<ListedRow>(
    'children',
    `select ${NODE}, ${VERSION}
     from (select * from nodes where account = $1 and parent = $2 and trashed_at is null and name > $3
           order by name limit $4) n
     left join versions v on v.account = $1 and v.id = n.head
     order by n.name`,
    [account, folder, page.after, page.most],
  );
}

export async function versionById(sql: Sql, account: string, id: string): Promise<VersionRow | undefined> {
  const rows = await sql.prepared<VersionRow>(
    'version-by-id',
    `select ${VERSION} from versions v where v.account = $1 and v.id = $2`,
    [account, id],
  );
  return rows[0];
}

export interface NewVersionRow {
  id: string;
  file: string;
  content: string;
  size: number;
  contentType: string;
  modifiedAt: Date;
  createdAt: Date;
  accountKey: string;
  mac: Buffer;
  sealedSha256: Buffer;
}

/** A file with its first version, in one statement. Undefined when the name is taken by now. */
export async function insertFile(
  sql: Sql,
  account: string,
  node: { id: string; parent: string; name: string },
  version: NewVersionRow,
): Promise<NodeRow | undefined> {
  const rows = await sql.prepared<NodeRow>(
    'insert-file',
    `with n as (
       insert into nodes as n (account, id, parent, kind, name, name_key, head, head_size, head_type, head_modified_at)
       values ($1, $3, $12, 'file', $13, $14, $2, $5, $6, $7)
       on conflict (account, parent, name_key) where trashed_at is null do nothing returning ${NODE}
     ), v as (
       insert into versions (${VERSION_COLUMNS})
       select ${VERSION_PARAMETERS.replace('#', '1')} from n
     )
     select * from n`,
    [...versionValues(account, version), node.parent, node.name, nameKey(node.name)],
  );
  return rows[0];
}

/** A further version of a file whose row the caller holds; numbers count up. */
export async function insertVersion(sql: Sql, account: string, version: NewVersionRow, after: string): Promise<void> {
  await sql.prepared(
    'insert-version',
    `with superseded as (
       update versions set superseded_at = now() where account = $1 and id = $12
     ), v as (
       insert into versions (${VERSION_COLUMNS})
       select ${VERSION_PARAMETERS.replace('#', '1 + (select number from versions where account = $1 and id = $12)')}
     )
     update nodes set head = $2, head_size = $5, head_type = $6, head_modified_at = $7, modified_at = now()
     where account = $1 and id = $3`,
    [...versionValues(account, version), after],
  );
}

const VERSION_COLUMNS = `account, id, file, number, content, size, content_type, modified_at, created_at, account_key, mac,
  sealed_sha256`;

const VERSION_PARAMETERS = `$1::uuid, $2::uuid, $3::uuid, #, $4::uuid, $5::bigint, $6::text, $7::timestamptz,
  $8::timestamptz, $9::uuid, $10::bytea, $11::bytea`;

function versionValues(account: string, row: NewVersionRow): unknown[] {
  const { id, file, content, size, contentType, modifiedAt, createdAt, accountKey, mac, sealedSha256 } = row;
  return [account, id, file, content, size, contentType, modifiedAt, createdAt, accountKey, mac, sealedSha256];
}
