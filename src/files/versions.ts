import { Injectable } from '@nestjs/common';
import type { VersionPage, VersionRecord } from '#contracts';
import { beginErasing, eraseUnheld } from '../contents/index.js';
import { Database, type Sql } from '../database/index.js';
import { AccountKeyring } from '../keys/index.js';
import { IsFolder, NewestStays, NoSuchVersion, TreeBusy } from './errors.js';
import { refuseImmutable } from './immutable.store.js';
import { type Enter, Locks } from './locks.js';
import type { Names } from './names.js';
import { checkPreconditions, etagOf, type Preconditions } from './preconditions.js';
import { asVersion, sealedRow } from './publish-version.js';
import { fileRecord, verifiedSha256, type FileRecord } from './records.js';
import { insertVersion, lockNode, lockStructure, type NodeRow } from './tree.store.js';
import { walkWhole } from './tree.js';
import { deleteOldVersions, versionOf, versionsOf, type NumberedVersion } from './versions.store.js';

/**
 * The versions of a file. A restored one is a new version that holds the same content: nothing is copied, and what was
 * newest until then stays as one of the earlier ones.
 */
@Injectable()
export class Versions {
  constructor(
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
    private readonly locks: Locks,
  ) {}

  async list(account: string, names: Names, page: { cursor?: number; limit: number }): Promise<VersionPage> {
    const { node } = await fileAt(this.database, account, names);
    const wanted = { before: page.cursor ?? null, most: page.limit + 1 };
    const rows = await versionsOf(this.database, account, node.id, wanted);
    const items: VersionRecord[] = [];
    for (const row of rows.slice(0, page.limit)) items.push(await this.#record(account, node, row));
    const last = rows.length > page.limit ? items.at(-1) : undefined;
    return { items, ...(last && { nextCursor: String(last.number) }) };
  }

  /** Makes an earlier version the newest one; the newest itself stays as it is. */
  async restore(account: string, names: Names, version: string, wanted: Preconditions = {}): Promise<FileRecord> {
    const { node: file } = await fileAt(this.database, account, names);
    const old = await versionOf(this.database, account, file.id, version);
    if (!old) throw new NoSuchVersion();
    const sha256 = await verifiedSha256(this.keyring, account, file.id, old);
    const keys = await this.keyring.current(account);
    const touches = [{ at: names }];
    const restored = await this.locks.guard(account, touches, wanted.tokens, (enter) =>
      this.database.tx(async (sql) => {
        await enter(sql);
        const { node, path } = await lockedFile(sql, account, names);
        checkPreconditions(wanted, node.head);
        // A version is never changed, so what was checked is what is restored, if it is still there and the file still this one.
        if (!(await versionOf(sql, account, node.id, version))) throw new NoSuchVersion();
        if (version === node.head) return { node, version: old, names: path };
        const { content, size, content_type: contentType, version_modified_at: modifiedAt } = old;
        const row = sealedRow(keys, { account, file: node.id }, { content, size, sha256, contentType, modifiedAt });
        await insertVersion(sql, account, row, node.head as string);
        return { node: { ...node, head: row.id }, version: asVersion(row), names: path };
      }),
    );
    return fileRecord(this.keyring, account, restored);
  }

  /** Erases an earlier version, and its content where nothing else holds it. */
  remove(account: string, names: Names, version: string, tokens: readonly string[]): Promise<void> {
    return this.locks.guard(account, [{ at: names }], tokens, (enter) => this.#remove(enter, account, names, version));
  }

  #remove(enter: Enter, account: string, names: Names, version: string): Promise<void> {
    return this.database.tx(async (sql) => {
      await enter(sql);
      await beginErasing(sql, account);
      await lockStructure(sql, account);
      const { node } = await lockedFile(sql, account, names);
      if (!(await versionOf(sql, account, node.id, version))) throw new NoSuchVersion();
      if (version === node.head) throw new NewestStays();
      await refuseImmutable(sql, account, node.id);
      await eraseUnheld(sql, account, await deleteOldVersions(sql, account, [version]));
    });
  }

  async #record(account: string, node: NodeRow, row: NumberedVersion): Promise<VersionRecord> {
    const sha256 = await verifiedSha256(this.keyring, account, node.id, row);
    return {
      version: row.version,
      number: row.number,
      newest: row.version === node.head,
      size: row.size,
      contentType: row.content_type,
      etag: etagOf(row.version),
      sha256: sha256.toString('hex'),
      createdAt: row.version_created_at.toISOString(),
      modifiedAt: row.version_modified_at.toISOString(),
    };
  }
}

interface FileAt {
  readonly node: NodeRow;
  readonly path: Names;
}

async function fileAt(sql: Sql, account: string, names: Names): Promise<FileAt> {
  const nodes = await walkWhole(sql, account, names);
  const node = nodes.at(-1) as NodeRow;
  if (node.kind === 'folder') throw new IsFolder();
  return { node, path: nodes.slice(1).map((step) => step.name) };
}

/** Others may move or delete the file between our look and our lock. */
const MOST_LOOKS = 20;

async function lockedFile(sql: Sql, account: string, names: Names): Promise<FileAt> {
  for (let look = 0; look < MOST_LOOKS; look++) {
    const { node: found, path } = await fileAt(sql, account, names);
    const node = await lockNode(sql, account, found);
    if (node) return { node, path };
  }
  throw new TreeBusy();
}
