import { Injectable } from '@nestjs/common';
import { checkVersion } from '#crypto';
import { Database } from '../database/index.js';
import { AccountKeyring, type AccountKeys, KeyDestroyed } from '../keys/index.js';
import { NotFound } from './errors.js';
import type { Names } from './names.js';
import { etagOf } from './preconditions.js';
import { versionFields } from './records.js';
import { children, versionById, type ListedRow, type NodeRow, type VersionRow } from './tree.store.js';
import { walkWhole } from './tree.js';

/** What a long listing shows of an entry: checked like a record, without what costs time. */
export interface Outline {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly modifiedAt: Date;
  /** Null for a folder. */
  readonly file: { readonly size: number; readonly contentType: string; readonly etag: string } | null;
}

function outlineOf(account: string, row: ListedRow, keysOf: (id: string) => AccountKeys): Outline {
  const { id, name, created_at: createdAt, modified_at: modifiedAt } = row;
  if (row.version === null) return { id, name, createdAt, modifiedAt, file: null };
  const version = row as NodeRow & VersionRow;
  const { tree } = keysOf(version.account_key);
  checkVersion(tree, versionFields(account, id, version), version.mac, version.sealed_sha256);
  const file = { size: version.size, contentType: version.content_type, etag: etagOf(version.version) };
  return { id, name, createdAt, modifiedAt: version.version_modified_at, file };
}

/** Long listings, shown as they come. */
@Injectable()
export class Outlines {
  constructor(
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
  ) {}

  /** A file or folder, and, page by page in the order of their names' bytes, what lies in it. */
  async of(
    account: string,
    names: Names,
    pageSize: number,
  ): Promise<{ itself: Outline; children: () => AsyncGenerator<Outline[]> }> {
    const node = (await walkWhole(this.database, account, names)).at(-1) as NodeRow;
    const known = await this.keyring.all(account);
    const keysOf = (id: string): AccountKeys => known.get(id) ?? missingKey();
    const version = node.head === null ? null : await versionById(this.database, account, node.head);
    if (version === undefined) throw new NotFound();
    const itself = outlineOf(account, { ...NO_VERSION, ...node, ...version }, keysOf);
    const { database } = this;
    async function* pages(): AsyncGenerator<Outline[]> {
      for (let after: string | null = node.kind === 'folder' ? '' : null; after !== null;) {
        const rows = await children(database, account, node.id, { after, most: pageSize });
        yield rows.map((row) => outlineOf(account, row, keysOf));
        after = rows.length === pageSize ? (rows.at(-1)?.name ?? null) : null;
      }
    }
    return { itself, children: pages };
  }
}

function missingKey(): never {
  throw new KeyDestroyed();
}

const NO_VERSION = {
  version: null,
  content: null,
  size: null,
  content_type: null,
  version_modified_at: null,
  version_created_at: null,
  account_key: null,
  mac: null,
  sealed_sha256: null,
};
