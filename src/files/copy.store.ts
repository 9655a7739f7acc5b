import type { Sql } from '../database/index.js';
import { type ListedRow, NODE, type NewVersionRow, VERSION } from './tree.store.js';

export interface CopiedNode {
  readonly id: string;
  readonly parent: string;
  readonly kind: 'folder' | 'file';
  readonly name: string;
  readonly nameKey: string;
  /** Null for a folder. */
  readonly head: NewVersionRow | null;
}

/** What lies in any of the folders, after the given one; by folder, so that a folder's entries come together. */
export function childrenOf(
  sql: Sql,
  account: string,
  folders: readonly string[],
  page: { after: { parent: string; name: string } | null; most: number },
): Promise<(ListedRow & { parent: string })[]> {
  return sql.prepared(
    'children-of',
    `select ${NODE}, ${VERSION}
     from (select * from nodes where account = $1 and parent = any($2::uuid[]) and trashed_at is null
             and (parent, name) > (coalesce($3::uuid, '00000000-0000-0000-0000-000000000000'), $4::text collate "C")
           order by parent, name limit $5) n
     left join versions v on v.account = $1 and v.id = n.head
     order by n.parent, n.name`,
    [account, folders, page.after?.parent ?? null, page.after?.name ?? '', page.most],
  );
}

/** Their names are free: the folders that they lie in were made in this transaction. */
export async function insertNodes(sql: Sql, account: string, nodes: readonly CopiedNode[]): Promise<void> {
  await sql.prepared(
    'insert-nodes',
    `insert into nodes (account, id, parent, kind, name, name_key, head, head_size, head_type, head_modified_at)
     select $1::uuid, n.* from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::bigint[],
       $9::text[], $10::timestamptz[]) as n(id, parent, kind, name, name_key, head, size, type, modified_at)`,
    [
      account,
      nodes.map((node) => node.id),
      nodes.map((node) => node.parent),
      nodes.map((node) => node.kind),
      nodes.map((node) => node.name),
      nodes.map((node) => node.nameKey),
      nodes.map(({ head }) => head?.id ?? null),
      nodes.map(({ head }) => head?.size ?? null),
      nodes.map(({ head }) => head?.contentType ?? null),
      nodes.map(({ head }) => head?.modifiedAt ?? null),
    ],
  );
}

/** Each the first version of its file. */
export async function insertFirstVersions(sql: Sql, account: string, rows: readonly NewVersionRow[]): Promise<void> {
  await sql.prepared(
    'insert-first-versions',
    `insert into versions (account, id, file, number, content, size, content_type, modified_at, created_at, account_key,
       mac, sealed_sha256)
     select $1::uuid, v.id, v.file, 1, v.content, v.size, v.content_type, v.modified_at, v.created_at, v.account_key,
       v.mac, v.sealed_sha256
     from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::text[], $7::timestamptz[], $8::timestamptz[],
       $9::uuid[], $10::bytea[], $11::bytea[])
       as v(id, file, content, size, content_type, modified_at, created_at, account_key, mac, sealed_sha256)`,
    [
      account,
      rows.map((row) => row.id),
      rows.map((row) => row.file),
      rows.map((row) => row.content),
      rows.map((row) => row.size),
      rows.map((row) => row.contentType),
      rows.map((row) => row.modifiedAt),
      rows.map((row) => row.createdAt),
      rows.map((row) => row.accountKey),
      rows.map((row) => row.mac),
      rows.map((row) => row.sealedSha256),
    ],
  );
}
