import { randomUUIDv7 } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '../database/index.js';
import { AccountKeyring } from '../keys/index.js';
import {
  BelowFile,
  IsFolder,
  NameRefused,
  NameTaken,
  NoSuchVersion,
  NotFound,
  ParentMissing,
  TreeBusy,
} from './errors.js';
import { checkPreconditions, type Preconditions } from './preconditions.js';
import { type Enter, Locks, LocksMoved } from './locks.js';
import { type Touch, touchesOfMaking } from './lock-rules.js';
import type { Names } from './names.js';
import { entryRecord, fileRecord, folderRecord, type EntryRecord, type FolderRecord } from './records.js';
import { childNamed, children, insertFolder, versionById, walk, type NodeRow, type VersionRow } from './tree.store.js';
import { versionOf } from './versions.store.js';

export interface FoundFile {
  readonly node: NodeRow;
  readonly version: VersionRow;
  readonly names: Names;
}

/** What a publication shows in its transaction. */
export interface Admission {
  readonly enter: Enter;
  /** No file was there: the folder above was looked at as well. */
  readonly creates: boolean;
}

export interface FolderPage {
  readonly items: EntryRecord[];
  readonly nextCursor?: string;
}

/** Looking things up in an account's tree, and making folders in it. */
@Injectable()
export class Tree {
  constructor(
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
    private readonly locks: Locks,
  ) {}

  /** The newest version of a file, or the one that is named; a folder there is IsFolder. */
  async file(account: string, names: Names, wanted?: string): Promise<FoundFile> {
    const node = await this.nodeAt(this.database, account, names);
    if (node.kind === 'folder') throw new IsFolder();
    const version =
      wanted === undefined
        ? await versionById(this.database, account, node.head as string)
        : await versionOf(this.database, account, node.id, wanted);
    if (!version) throw wanted === undefined ? new NotFound() : new NoSuchVersion();
    return { node, version, names: spelled(names, node) };
  }

  /** A file's record, or a folder's with a page of its children. */
  async entry(
    account: string,
    names: Names,
    page: { cursor?: string; limit: number },
  ): Promise<EntryRecord | (FolderRecord & FolderPage)> {
    const nodes = await walkWhole(this.database, account, names);
    const node = nodes.at(-1) as NodeRow;
    const path = nodes.slice(1).map((step) => step.name);
    if (node.kind === 'file') {
      const version = await versionById(this.database, account, node.head as string);
      if (!version) throw new NotFound();
      return fileRecord(this.keyring, account, { node, version, names: path });
    }
    const after = decodeCursor(page.cursor);
    const rows = await children(this.database, account, node.id, { after, most: page.limit + 1 });
    const shown = rows.slice(0, page.limit);
    const items: EntryRecord[] = [];
    for (const row of shown) items.push(await entryRecord(this.keyring, account, row, path));
    const last = rows.length > page.limit ? shown.at(-1) : undefined;
    return { ...folderRecord(node, path), items, ...(last ? { nextCursor: encodeCursor(last.name) } : {}) };
  }

  async isThere(account: string, names: Names): Promise<boolean> {
    return (await walk(this.database, account, names)).length === names.length + 1;
  }

  /** The newest version at a path; null where there is no file. */
  async head(account: string, names: Names): Promise<string | null> {
    const nodes = await walk(this.database, account, names);
    return nodes.length === names.length + 1 ? (nodes.at(-1)?.head ?? null) : null;
  }

  /** Refuses early what the publishing transaction would refuse: it decides, this only spares the upload. */
  async checkTarget(account: string, names: Names, wanted: Preconditions): Promise<Admission> {
    if (names.length === 0) throw new IsFolder();
    const nodes = await walk(this.database, account, names);
    const last = nodes.at(-1);
    const whole = nodes.length === names.length + 1;
    if (whole && last?.kind === 'folder') throw new IsFolder();
    if (!whole && last?.kind === 'file') throw new BelowFile();
    if (wanted.parentThere && nodes.length < names.length) throw new ParentMissing();
    checkPreconditions(wanted, whole ? (last?.head ?? null) : null);
    const touches = whole ? [{ at: names }] : touchesOfMaking(names, nodes.length - 1);
    const enter = await this.locks.admit(account, touches, wanted.tokens);
    return { enter, creates: !whole };
  }

  /** Runs a publication that was admitted; where a lock was taken meanwhile that does not forbid it, once more. */
  async publishAdmitted<T>(
    target: { account: string; names: Names; wanted: Preconditions },
    first: Admission,
    publish: (admission: Admission) => Promise<T>,
  ): Promise<T> {
    let admission = first;
    for (let look = 0; look < MOST_LOOKS; look++) {
      try {
        return await publish(admission);
      } catch (error) {
        if (!(error instanceof LocksMoved)) throw error;
      }
      admission = await this.checkTarget(target.account, target.names, target.wanted);
    }
    throw new TreeBusy();
  }

  makeFolder(account: string, names: Names, wanted: Preconditions = {}): Promise<FolderRecord> {
    const touches = (): Promise<Touch[]> => touchesAt(this.database, account, names);
    return this.locks.guard(account, touches, wanted.tokens, (enter) =>
      this.#makeFolder(enter, account, names, wanted),
    );
  }

  #makeFolder(enter: Enter, account: string, names: Names, wanted: Preconditions): Promise<FolderRecord> {
    return this.database.tx(async (sql) => {
      await enter(sql);
      const name = names.at(-1);
      if (name === undefined) throw new NameTaken();
      const parents = await foldersAbove(sql, account, await walk(sql, account, names.slice(0, -1)), { names, wanted });
      const parent = parents.at(-1) as NodeRow;
      const id = randomUUIDv7();
      const node = await insertFolder(sql, account, { id, parent: parent.id, name });
      if (!node) throw new NameTaken();
      return folderRecord(node, [...parents.slice(1).map((step) => step.name), node.name]);
    });
  }

  /** Throws NotFound, also where a file stands in the middle of the path. */
  async nodeAt(sql: Sql, account: string, names: Names): Promise<NodeRow> {
    return (await walkWhole(sql, account, names)).at(-1) as NodeRow;
  }
}

/** What a write touches that makes something at a path, or takes its place. */
export async function touchesAt(sql: Sql, account: string, names: Names): Promise<Touch[]> {
  const nodes = await walk(sql, account, names);
  const whole = nodes.length === names.length + 1;
  return whole ? [{ at: names, deep: true, member: true }] : touchesOfMaking(names, nodes.length - 1);
}

/** All nodes along the path, the top folder first; NotFound when one is missing. */
export async function walkWhole(sql: Sql, account: string, names: Names): Promise<NodeRow[]> {
  const nodes = await walk(sql, account, names);
  if (nodes.length !== names.length + 1) throw new NotFound();
  return nodes;
}

/** The folders above a target, the top one first, of which some were found: the others are made, unless that is not wanted. */
export function foldersAbove(
  sql: Sql,
  account: string,
  found: readonly NodeRow[],
  target: { names: Names; wanted: Preconditions },
): Promise<NodeRow[]> {
  const { names, wanted } = target;
  const missing = found.length < names.length && found.at(-1)?.kind === 'folder';
  if (missing && wanted.parentThere) throw new ParentMissing();
  return ensureFoldersBelow(sql, account, found, names.slice(0, -1));
}

/** The folders along a path, the top one first, making those that are missing; a file among them is BelowFile. */
export async function ensureFolders(sql: Sql, account: string, names: Names): Promise<NodeRow[]> {
  return ensureFoldersBelow(sql, account, await walk(sql, account, names), names);
}

/** The same, for who has walked the path already. */
export async function ensureFoldersBelow(
  sql: Sql,
  account: string,
  found: readonly NodeRow[],
  names: Names,
): Promise<NodeRow[]> {
  const nodes = [...found];
  if (nodes.some((node) => node.kind === 'file')) throw new BelowFile();
  for (const name of names.slice(nodes.length - 1)) {
    const node = await ensureChild(sql, account, (nodes.at(-1) as NodeRow).id, name);
    if (node.kind === 'file') throw new BelowFile();
    nodes.push(node);
  }
  return nodes;
}

/** Others may make a name before us and put it into the trash before we look. */
const MOST_LOOKS = 20;

async function ensureChild(sql: Sql, account: string, parent: string, name: string): Promise<NodeRow> {
  for (let look = 0; look < MOST_LOOKS; look++) {
    const made = { id: randomUUIDv7(), parent, name };
    const node = (await insertFolder(sql, account, made)) ?? (await childNamed(sql, account, parent, name));
    if (node) return node;
  }
  throw new TreeBusy();
}

/** The path as it is spelled in the tree is wanted only for the last name here: parents were found by the asker's spelling. */
function spelled(names: Names, node: NodeRow): Names {
  return [...names.slice(0, -1), node.name];
}

export function encodeCursor(name: string): string {
  return Buffer.from(name).toString('base64url');
}

export function decodeCursor(cursor: string | undefined): string {
  if (cursor === undefined) return '';
  const name = Buffer.from(cursor, 'base64url');
  const text = name.toString('utf8');
  if (name.toString('base64url') !== cursor || text.includes('\0') || !Buffer.from(text).equals(name)) {
    throw new NameRefused('The cursor is not one that a listing gave out.');
  }
  return text;
}
