import { Inject, Injectable } from '@nestjs/common';
import { Id, Moment, type TrashEntry, type TrashPage } from '#contracts';
import { Config } from '../config/index.js';
import { Database } from '../database/index.js';
import { AccountKeyring } from '../keys/index.js';
import { isBeingErased } from './erasing.store.js';
import { NameRefused, NameTaken, NotFound, NotInTrash, RootStays, TreeBusy } from './errors.js';
import type { Touch } from './lock-rules.js';
import { type Enter, Locks } from './locks.js';
import { formatPath, parsePath, type Names } from './names.js';
import { checkPreconditions, type Preconditions } from './preconditions.js';
import { fileRecord, folderRecord, verifiedSha256, type EntryRecord } from './records.js';
import { putIntoTrash, trashedNode, trashedNodes, type TrashedRow } from './trash.store.js';
import {
  childNamed,
  lockNode,
  lockStructure,
  relocate,
  versionById,
  type NodeRow,
  type VersionRow,
} from './tree.store.js';
import { ensureFolders, touchesAt, walkWhole } from './tree.js';

interface Restored {
  readonly node: NodeRow;
  readonly version: VersionRow | undefined;
  readonly names: Names;
}

/** Deleting is putting into the trash, where a file or folder keeps its id, its versions and all that lies below it. */
@Injectable()
export class Trash {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
    private readonly locks: Locks,
  ) {}

  async put(account: string, names: Names, wanted: Preconditions = {}): Promise<void> {
    const touches = [{ at: names, deep: true, member: true }];
    await this.locks.guard(account, touches, wanted.tokens, (enter) => this.#put(enter, account, names, wanted));
    await this.locks.endBelow(account, names);
  }

  #put(enter: Enter, account: string, names: Names, wanted: Preconditions): Promise<void> {
    return this.database.tx(async (sql) => {
      await enter(sql);
      await lockStructure(sql, account);
      const nodes = await walkWhole(sql, account, names);
      const found = nodes.at(-1) as NodeRow;
      if (found.parent === null) throw new RootStays();
      const node = await lockNode(sql, account, found);
      if (!node) throw new NotFound();
      checkPreconditions(wanted, node.head);
      const path = formatPath(nodes.slice(1).map((step) => step.name));
      await putIntoTrash(sql, account, node.id, path);
    });
  }

  /** A page of what was thrown away, the newest first. */
  async list(account: string, page: { cursor?: string; limit: number }): Promise<TrashPage> {
    const before = page.cursor === undefined ? null : decodeCursor(page.cursor);
    const rows = await trashedNodes(this.database, account, {
      before,
      most: page.limit + 1,
      keptDays: this.config.trashDays,
    });
    const items: TrashEntry[] = [];
    for (const row of rows.slice(0, page.limit)) items.push(await this.#entry(account, row));
    const last = rows.length > page.limit ? rows[page.limit - 1] : undefined;
    return { items, ...(last && { nextCursor: encodeCursor(last) }) };
  }

  async #entry(account: string, row: TrashedRow): Promise<TrashEntry> {
    const { id, kind: type, name, trashed_path: path } = row;
    const entry = { id, type, name, path, trashedAt: row.trashed_at.toISOString(), daysLeft: row.days_left };
    if (row.version === null) return entry;
    const version = row as NodeRow & VersionRow;
    await verifiedSha256(this.keyring, account, id, version);
    return { ...entry, size: version.size };
  }

  /** Puts it back where it was, making the folders that are gone by now; a name that is taken meanwhile is NameTaken. */
  async restore(account: string, id: string, wanted: Preconditions = {}): Promise<EntryRecord> {
    const path = (await trashedNode(this.database, account, id))?.trashed_path;
    if (path === undefined) throw new NotInTrash();
    const touches = (): Promise<Touch[]> => touchesAt(this.database, account, parsePath(path));
    const { node, version, names } = await this.locks.guard(account, touches, wanted.tokens, (enter) =>
      this.#restore(enter, account, { id, path }),
    );
    return version ? fileRecord(this.keyring, account, { node, version, names }) : folderRecord(node, names);
  }

  #restore(enter: Enter, account: string, entry: { id: string; path: string }): Promise<Restored> {
    const { id } = entry;
    return this.database.tx(async (sql) => {
      await enter(sql);
      await lockStructure(sql, account);
      const node = await trashedNode(sql, account, id);
      if (!node || (await isBeingErased(sql, account, id))) throw new NotInTrash();
      if (node.trashed_path !== entry.path) throw new TreeBusy();
      const parents = await ensureFolders(sql, account, parsePath(node.trashed_path).slice(0, -1));
      const parent = parents.at(-1) as NodeRow;
      if (await childNamed(sql, account, parent.id, node.name)) throw new NameTaken();
      const back = await relocate(sql, account, node.id, { parent: parent.id, name: node.name });
      const version = node.head ? await versionById(sql, account, node.head) : undefined;
      return { node: back, version, names: [...parents.slice(1).map((step) => step.name), node.name] };
    });
  }
}

function encodeCursor(row: TrashedRow): string {
  return Buffer.from(`${row.trashed_exactly} ${row.id}`).toString('base64url');
}

function decodeCursor(cursor: string): { at: string; id: string } {
  const [at, id, more] = Buffer.from(cursor, 'base64url').toString('latin1').split(' ');
  if (more === undefined && Moment.safeParse(at).success && Id.safeParse(id).success) return { at: at!, id: id! };
  throw new NameRefused('The cursor is not one that a listing gave out.');
}
