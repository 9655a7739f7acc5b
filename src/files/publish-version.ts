import { randomUUIDv7 } from 'node:crypto';
import { sealVersion } from '#crypto';
import type { Sql } from '../database/index.js';
import type { AccountKeys } from '../keys/index.js';
import { IsFolder, NotFound, TreeBusy } from './errors.js';
import { LocksMoved } from './locks.js';
import type { Names } from './names.js';
import { checkPreconditions, type Preconditions } from './preconditions.js';
import {
  insertFile,
  insertVersion,
  lockNode,
  walk,
  type NewVersionRow,
  type NodeRow,
  type VersionRow,
} from './tree.store.js';
import { type Admission, foldersAbove, type FoundFile } from './tree.js';

/** What a finished content tells about the version that it becomes. */
export interface NewVersion {
  readonly content: string;
  readonly size: number;
  readonly sha256: Buffer;
  readonly contentType: string;
  readonly modifiedAt: Date;
}

interface Target {
  readonly account: string;
  readonly names: Names;
  readonly wanted: Preconditions;
  /** Null for who has entered the transaction already. */
  readonly admission: Admission | null;
}

export interface Published extends FoundFile {
  readonly created: boolean;
}

/** Others may make, trash or move the same name between our look and our lock; each time we look again. */
const MOST_LOOKS = 20;

/**
 * Makes a content the newest version of the file at a path, inside the caller's transaction. The
 * path is resolved here, once more and for good: the file's row is locked, the preconditions are
 * compared with what is locked, and a name that appeared or went away meanwhile is looked up anew.
 */
export async function publishVersion(
  sql: Sql,
  keys: AccountKeys,
  target: Target,
  version: NewVersion,
): Promise<Published> {
  const { account, names } = target;
  if (names.length === 0) throw new IsFolder();
  await target.admission?.enter(sql);
  for (let look = 0; look < MOST_LOOKS; look++) {
    const nodes = await walk(sql, account, names);
    // Not even the top folder: the account was deleted while this was on its way.
    if (nodes.length === 0) throw new NotFound();
    const work = nodes.length === names.length + 1 ? replace : create;
    const published = await work(sql, keys, { ...target, nodes }, version);
    if (!published) continue;
    if (published.created && target.admission?.creates === false) throw new LocksMoved();
    return published;
  }
  throw new TreeBusy();
}

async function create(
  sql: Sql,
  keys: AccountKeys,
  target: Target & { nodes: NodeRow[] },
  version: NewVersion,
): Promise<Published | undefined> {
  const { account, names, nodes } = target;
  checkPreconditions(target.wanted, null);
  const parents = await foldersAbove(sql, account, nodes, target);
  const parent = (parents.at(-1) as NodeRow).id;
  const name = names.at(-1) as string;
  const row = sealedRow(keys, { account, file: randomUUIDv7() }, version);
  const node = await insertFile(sql, account, { id: row.file, parent, name }, row);
  if (!node) return undefined;
  const path = [...parents.slice(1).map((step) => step.name), name];
  return { node, version: asVersion(row), created: true, names: path };
}

async function replace(
  sql: Sql,
  keys: AccountKeys,
  target: Target & { nodes: NodeRow[] },
  version: NewVersion,
): Promise<Published | undefined> {
  const { account, nodes } = target;
  const found = nodes.at(-1) as NodeRow;
  if (found.kind === 'folder') throw new IsFolder();
  const node = await lockNode(sql, account, found);
  if (!node) return undefined;
  checkPreconditions(target.wanted, node.head);
  const row = sealedRow(keys, { account, file: node.id }, version);
  await insertVersion(sql, account, row, node.head as string);
  const path = nodes.slice(1).map((step) => step.name);
  return { node: { ...node, head: row.id }, version: asVersion(row), created: false, names: path };
}

/** The row of a new version, sealed under the account’s tree key. */
export function sealedRow(
  keys: AccountKeys,
  place: { account: string; file: string },
  version: NewVersion,
): NewVersionRow {
  const id = randomUUIDv7();
  const createdAt = new Date();
  const { sha256, ...kept } = version;
  const times = { modifiedAt: version.modifiedAt.getTime(), createdAt: createdAt.getTime() };
  const seal = sealVersion(keys.tree, { ...place, ...kept, ...times, version: id }, sha256);
  return { id, file: place.file, ...kept, createdAt, accountKey: keys.id, ...seal };
}

export function asVersion(row: NewVersionRow): VersionRow {
  return {
    version: row.id,
    content: row.content,
    size: row.size,
    content_type: row.contentType,
    version_modified_at: row.modifiedAt,
    version_created_at: row.createdAt,
    account_key: row.accountKey,
    mac: row.mac,
    sealed_sha256: row.sealedSha256,
  };
}
