import { Injectable } from '@nestjs/common';
import { Database } from '../database/index.js';
import { AccountKeyring } from '../keys/index.js';
import { presentPlaces } from './changes.store.js';
import { NotFound } from './errors.js';
import { formatPath, type Names } from './names.js';
import { verifiedSha256 } from './records.js';
import { decodeCursor, encodeCursor, type FoundFile } from './tree.js';
import { children, versionById, walkFrom, type ListedRow, type NodeRow, type VersionRow } from './tree.store.js';

/** A file or a folder as somebody sees it who sees nothing above it. */
export interface EntryBelow {
  readonly path: string;
  readonly name: string;
  readonly type: 'file' | 'folder';
  readonly size?: number;
  readonly modifiedAt: string;
}

export interface NodeBelow {
  readonly node: NodeRow;
  /** Null for a folder. */
  readonly file: FoundFile | null;
}

/**
 * A part of an account's tree: a file or folder by its id, and what lies below it. It goes wherever its owner moves it, and is
 * gone as long as it lies in the trash, by itself or in a folder. Nothing of the path that leads to it is shown.
 */
@Injectable()
export class Below {
  constructor(
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
  ) {}

  async find(account: string, root: string, inner: Names): Promise<NodeBelow> {
    const [place] = await presentPlaces(this.database, account, [root]);
    if (!place || place.trashed) throw new NotFound();
    const nodes = await walkFrom(this.database, account, root, inner);
    const node = nodes.at(-1);
    if (!node || nodes.length !== inner.length + 1) throw new NotFound();
    const version = node.head ? await versionById(this.database, account, node.head) : undefined;
    return { node, file: version ? { node, version, names: [node.name] } : null };
  }

  async entry(account: string, { node, file }: NodeBelow, inner: Names): Promise<EntryBelow> {
    return this.#entry(account, node, file?.version ?? null, inner);
  }

  async page(
    account: string,
    folder: string,
    inner: Names,
    page: { cursor?: string | undefined; limit: number },
  ): Promise<{ items: EntryBelow[]; nextCursor?: string }> {
    const after = decodeCursor(page.cursor);
    const rows = await children(this.database, account, folder, { after, most: page.limit + 1 });
    const shown = rows.slice(0, page.limit);
    const items: EntryBelow[] = [];
    for (const row of shown) items.push(await this.#entry(account, row, versionOf(row), [...inner, row.name]));
    const last = rows.length > page.limit ? shown.at(-1) : undefined;
    return { items, ...(last && { nextCursor: encodeCursor(last.name) }) };
  }

  async #entry(account: string, node: NodeRow, version: VersionRow | null, inner: Names): Promise<EntryBelow> {
    const entry = { path: formatPath(inner), name: node.name };
    if (!version) return { ...entry, type: 'folder', modifiedAt: node.modified_at.toISOString() };
    await verifiedSha256(this.keyring, account, node.id, version);
    return { ...entry, type: 'file', size: version.size, modifiedAt: version.version_modified_at.toISOString() };
  }
}

function versionOf(row: ListedRow): VersionRow | null {
  return row.version === null ? null : (row as NodeRow & VersionRow);
}
