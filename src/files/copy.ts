import { randomUUIDv7 } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { holdContents } from '../contents/index.js';
import { Database, type Sql } from '../database/index.js';
import { AccountKeyring, type AccountKeys } from '../keys/index.js';
import { childrenOf, insertFirstVersions, insertNodes, type CopiedNode } from './copy.store.js';
import { IntoItself, NameTaken, NotFound, TooMuchToCopy, TreeBusy } from './errors.js';
import type { Touch } from './lock-rules.js';
import { Locks } from './locks.js';
import { makeWay, placeFor, type Place, type Placed, type Placing } from './move.js';
import { nameKey, type Names } from './names.js';
import { checkPreconditions } from './preconditions.js';
import { copyProperties } from './properties.store.js';
import { publishVersion, sealedRow, type Published } from './publish-version.js';
import { fileRecord, folderRecord } from './records.js';
import { sameContent } from './same-content.js';
import {
  insertFolder,
  lockStructure,
  versionById,
  type ListedRow,
  type NewVersionRow,
  type NodeRow,
  type VersionRow,
} from './tree.store.js';
import { touchesAt, walkWhole } from './tree.js';

/** Folders whose entries are asked for together, and entries that are copied together: what is sealed blocks nobody for long. */
const FOLDERS_AT_ONCE = 200;
const ENTRIES_AT_ONCE = 200;
/** Copies take no quota, and one copy is one transaction: what it may hold and how long it may last has to end somewhere. */
const MOST_ENTRIES = 250_000;

export interface Copying extends Placing {
  /** Only the folder itself, without what is in it. */
  readonly shallow?: boolean;
}

interface Copy {
  readonly sql: Sql;
  readonly account: string;
  /** What the copies are sealed under. */
  readonly keys: AccountKeys;
  /** What their sources may be sealed under. */
  readonly known: ReadonlyMap<string, AccountKeys>;
  copied: number;
}

type Done = { file: Published } | { folder: NodeRow; names: Names };

/**
 * Copies a file, or a folder with all that is in it, in one transaction and without copying data: the copies' versions
 * name the same contents, each in a row with a seal of its own. Only what is newest is copied, with its properties; a
 * file that is copied over a file becomes its newest version. Moves, deletions and restores wait meanwhile, and so does
 * whoever would erase a content that is being copied; uploads do not, so a folder's copy may or may not hold what comes
 * at that moment.
 */
@Injectable()
export class CopyEntry {
  constructor(
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
    private readonly locks: Locks,
  ) {}

  async run(account: string, from: Names, to: Names, copying: Copying = {}): Promise<Placed> {
    const keys = await this.keyring.current(account);
    const known = await this.keyring.all(account);
    const touches = (): Promise<Touch[]> => touchesAt(this.database, account, to);
    const { done, replaced } = await this.locks.guard(account, touches, copying.wanted?.tokens, (enter) =>
      this.database.tx(async (sql) => {
        await enter(sql);
        return copyEntry({ sql, account, keys, known, copied: 0 }, from, to, copying);
      }),
    );
    const entry =
      'file' in done ? await fileRecord(this.keyring, account, done.file) : folderRecord(done.folder, done.names);
    return { entry, replaced };
  }
}

async function copyEntry(
  copy: Copy,
  from: Names,
  to: Names,
  copying: Copying,
): Promise<{ done: Done; replaced: boolean }> {
  const { sql, account } = copy;
  const { wanted = {} } = copying;
  await lockStructure(sql, account);
  const nodes = await walkWhole(sql, account, from);
  const node = nodes.at(-1) as NodeRow;
  checkPreconditions(wanted, node.head);
  const place = await placeFor(sql, account, to, wanted);
  const { parents, there, names } = place;
  if (there?.id === node.id || parents.some((step) => step.id === node.id)) throw new IntoItself();
  if (there && !copying.overwrite) throw new NameTaken();
  const overFile = node.kind === 'file' && there?.kind === 'file';
  if (there && !overFile) await makeWay(sql, account, { nodes, there, names }, copying);
  const done =
    node.kind === 'file' ? await copyFile(copy, node, place, copying) : await copyFolder(copy, node, place, copying);
  return { done, replaced: there !== undefined };
}

async function copyFile(copy: Copy, node: NodeRow, place: Place, copying: Copying): Promise<Done> {
  const { sql, account, keys } = copy;
  const version = await versionById(sql, account, node.head as string);
  if (!version || !(await holdContents(sql, account, [version.content]))) throw new NotFound();
  // Uploads go on meanwhile: one may have taken the name by now.
  const wanted = copying.overwrite ? {} : ({ noneMatch: '*' } as const);
  const target = { account, names: place.names, wanted, admission: null };
  const file = await publishVersion(sql, keys, target, sameContent(copy.known, { account, file: node.id }, version));
  await copyProperties(sql, account, [node.id], [file.node.id]);
  return { file };
}

async function copyFolder(copy: Copy, node: NodeRow, place: Place, copying: Copying): Promise<Done> {
  const { sql, account } = copy;
  const { parents, names } = place;
  const made = { id: randomUUIDv7(), parent: (parents.at(-1) as NodeRow).id };
  const folder = await insertFolder(sql, account, { ...made, name: names.at(-1) as string });
  if (!folder) throw new TreeBusy();
  await copyProperties(sql, account, [node.id], [folder.id]);
  let level = new Map([[node.id, folder.id]]);
  while (level.size > 0 && !copying.shallow) level = await copyLevel(copy, level);
  return { folder, names };
}

/** Copies what lies in the folders (by source: their copies), and answers the folders among that. */
async function copyLevel(copy: Copy, level: ReadonlyMap<string, string>): Promise<Map<string, string>> {
  const below = new Map<string, string>();
  const sources = [...level.keys()];
  for (let at = 0; at < sources.length; at += FOLDERS_AT_ONCE) {
    const folders = sources.slice(at, at + FOLDERS_AT_ONCE);
    let after: { parent: string; name: string } | null = null;
    do {
      const page: (ListedRow & { parent: string })[] = await childrenOf(copy.sql, copy.account, folders, {
        after,
        most: ENTRIES_AT_ONCE,
      });
      for (const [source, target] of await copyEntries(copy, page, level)) below.set(source, target);
      after = page.length === ENTRIES_AT_ONCE ? (page.at(-1) ?? null) : null;
    } while (after);
  }
  return below;
}

async function copyEntries(
  copy: Copy,
  rows: readonly (ListedRow & { parent: string })[],
  parents: ReadonlyMap<string, string>,
): Promise<Map<string, string>> {
  const { sql, account, keys } = copy;
  const nodes: CopiedNode[] = [];
  const versions: NewVersionRow[] = [];
  for (const row of rows) {
    const id = randomUUIDv7();
    const parent = parents.get(row.parent) as string;
    const found = row.version === null ? null : (row as NodeRow & VersionRow);
    const version =
      found && sealedRow(keys, { account, file: id }, sameContent(copy.known, { account, file: row.id }, found));
    if (version) versions.push(version);
    const { kind, name } = row;
    nodes.push({ id, parent, kind, name, nameKey: nameKey(name), head: version });
  }
  if (rows.length === 0) return new Map();
  copy.copied += rows.length;
  if (copy.copied > MOST_ENTRIES) throw new TooMuchToCopy(MOST_ENTRIES);
  if (
    !(await holdContents(
      sql,
      account,
      versions.map((version) => version.content),
    ))
  )
    throw new TreeBusy();
  await insertNodes(sql, account, nodes);
  if (versions.length > 0) await insertFirstVersions(sql, account, versions);
  await copyProperties(
    sql,
    account,
    rows.map((row) => row.id),
    nodes.map((node) => node.id),
  );
  return new Map(rows.flatMap((row, index) => (row.kind === 'folder' ? [[row.id, nodes[index]!.id]] : [])));
}
