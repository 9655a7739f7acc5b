import { randomUUIDv7 } from 'node:crypto';
import { sealVersion } from '#crypto';
import type { Sql } from '../database/index.js';
import type { AccountKeys } from '../keys/index.js';
import { BelowFile, IsFolder } from './errors.js';
import type { Names } from './names.js';
import { checkPreconditions, type Preconditions } from './preconditions.js';
import { insertNode, insertVersion, lockNode, setHead, walk, type NodeRow, type VersionRow } from './tree.store.js';
import { ensureFolders, type FoundFile } from './tree.js';

/** What a finished content tells about the version that it becomes. */
export interface NewVersion {
  readonly content: string;
  readonly size: number;
  readonly sha256: Buffer;
  readonly contentType: string;
  readonly modifiedAt: Date;
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
  target: { account: string; names: Names; wanted: Preconditions },
  version: NewVersion,
): Promise<Published> {
  const { account, names } = target;
  if (names.length === 0) throw new IsFolder();
  for (let look = 0; look < MOST_LOOKS; look++) {
    const nodes = await walk(sql, account, names);
    const found = nodes.length === names.length + 1 ? nodes.at(-1) : undefined;
    const published = found
      ? await replace(sql, keys, { ...target, found }, version)
      : await create(sql, keys, target, version);
    if (published) return published;
  }
  throw new BelowFile();
}

async function create(
  sql: Sql,
  keys: AccountKeys,
  target: { account: string; names: Names; wanted: Preconditions },
  version: NewVersion,
): Promise<Published | undefined> {
  const { account, names } = target;
  checkPreconditions(target.wanted, null);
  const parents = await ensureFolders(sql, account, names.slice(0, -1));
  const parent = (parents.at(-1) as NodeRow).id;
  const id = randomUUIDv7();
  const head = randomUUIDv7();
  const name = names.at(-1) as string;
  const node = await insertNode(sql, account, { id, parent, kind: 'file', name, head });
  if (!node) return undefined;
  const row = await addVersion(sql, keys, { account, file: id, id: head, after: null }, version);
  return { node, version: row, created: true, names: [...parents.slice(1).map((step) => step.name), name] };
}

async function replace(
  sql: Sql,
  keys: AccountKeys,
  target: { account: string; names: Names; wanted: Preconditions; found: NodeRow },
  version: NewVersion,
): Promise<Published | undefined> {
  const { account, found } = target;
  if (found.kind === 'folder') throw new IsFolder();
  const node = await lockNode(sql, account, found);
  if (!node) return undefined;
  checkPreconditions(target.wanted, node.head);
  const head = randomUUIDv7();
  const row = await addVersion(sql, keys, { account, file: node.id, id: head, after: node.head }, version);
  await setHead(sql, account, node.id, head);
  return { node: { ...node, head }, version: row, created: false, names: [...target.names.slice(0, -1), node.name] };
}

async function addVersion(
  sql: Sql,
  keys: AccountKeys,
  place: { account: string; file: string; id: string; after: string | null },
  version: NewVersion,
): Promise<VersionRow> {
  const createdAt = new Date();
  const { mac, sealedSha256 } = sealVersion(
    keys.tree,
    {
      account: place.account,
      file: place.file,
      version: place.id,
      content: version.content,
      size: version.size,
      contentType: version.contentType,
      modifiedAt: version.modifiedAt.getTime(),
      createdAt: createdAt.getTime(),
    },
    version.sha256,
  );
  const { contentType, content, size, modifiedAt } = version;
  const row = { id: place.id, file: place.file, content, size, contentType, modifiedAt, createdAt, mac, sealedSha256 };
  await insertVersion(sql, place.account, { ...row, accountKey: keys.id }, place.after);
  return {
    version: place.id,
    number: 0,
    content,
    size,
    content_type: contentType,
    version_modified_at: modifiedAt,
    version_created_at: createdAt,
    account_key: keys.id,
    mac,
    sealed_sha256: sealedSha256,
  };
}
