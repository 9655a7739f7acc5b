import { openVersion, type VersionFields } from '#crypto';
import type { AccountKeyring, AccountKeys } from '../keys/index.js';
import { formatPath, type Names } from './names.js';
import { etagOf } from './preconditions.js';
import type { ListedRow, NodeRow, VersionRow } from './tree.store.js';

export interface FileRecord {
  id: string;
  type: 'file';
  path: string;
  name: string;
  size: number;
  contentType: string;
  etag: string;
  version: string;
  sha256: string;
  createdAt: string;
  modifiedAt: string;
}

export interface FolderRecord {
  id: string;
  type: 'folder';
  path: string;
  name: string;
  createdAt: string;
  modifiedAt: string;
}

export type EntryRecord = FileRecord | FolderRecord;

/** What a version's seal covers. */
export function versionFields(account: string, file: string, version: VersionRow): VersionFields {
  return {
    account,
    file,
    version: version.version,
    content: version.content,
    size: version.size,
    contentType: version.content_type,
    modifiedAt: version.version_modified_at.getTime(),
    createdAt: version.version_created_at.getTime(),
  };
}

/** Checks a version row's MAC under the tree key that it names; what it returns was not changed in the database. */
export async function verifiedSha256(
  keyring: AccountKeyring,
  account: string,
  file: string,
  version: VersionRow,
): Promise<Buffer> {
  return openedSha256(await keyring.byId(account, version.account_key), { account, file }, version);
}

/** The same, for who has the keys that the row names. */
export function openedSha256(keys: AccountKeys, place: { account: string; file: string }, version: VersionRow): Buffer {
  const fields = versionFields(place.account, place.file, version);
  return openVersion(keys.tree, fields, version.mac, version.sealed_sha256);
}

export async function fileRecord(
  keyring: AccountKeyring,
  account: string,
  file: { node: NodeRow; version: VersionRow; names: Names },
): Promise<FileRecord> {
  const { node, version, names } = file;
  const sha256 = await verifiedSha256(keyring, account, node.id, version);
  return {
    id: node.id,
    type: 'file',
    path: formatPath(names),
    name: node.name,
    size: version.size,
    contentType: version.content_type,
    etag: etagOf(version.version),
    version: version.version,
    sha256: sha256.toString('hex'),
    createdAt: node.created_at.toISOString(),
    modifiedAt: version.version_modified_at.toISOString(),
  };
}

export function folderRecord(node: NodeRow, names: Names): FolderRecord {
  return {
    id: node.id,
    type: 'folder',
    path: formatPath(names),
    name: node.name,
    createdAt: node.created_at.toISOString(),
    modifiedAt: node.modified_at.toISOString(),
  };
}

export function entryRecord(
  keyring: AccountKeyring,
  account: string,
  row: ListedRow,
  parent: Names,
): EntryRecord | Promise<EntryRecord> {
  const names = [...parent, row.name];
  if (row.version === null) return folderRecord(row, names);
  return fileRecord(keyring, account, { node: row, version: row as NodeRow & VersionRow, names });
}
