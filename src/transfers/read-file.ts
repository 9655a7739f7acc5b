import { Injectable } from '@nestjs/common';
import { openManifestHeader, SealBroken } from '#crypto';
import { publishedContent } from '../contents/index.js';
import { Database } from '../database/index.js';
import { NotFound, Tree, verifiedSha256, type FoundFile, type Names } from '../files/index.js';
import { AccountKeyring } from '../keys/index.js';
import { ContentReader } from './content-reader.js';
import type { ReadableContent } from './deliver.js';
import { OpenShards } from './open-shards.js';

export interface OpenFile extends FoundFile {
  readonly sha256: Buffer;
  /** Opened when the first byte is asked for; an answer without a body needs no key of the content. */
  readonly content: () => Promise<ReadableContent>;
}

/**
 * Opens the newest version at a path: the row's MAC is checked, then the manifest that closes the
 * content, and that both are of one length. Bytes follow as they are asked for.
 */
@Injectable()
export class ReadFile {
  constructor(
    private readonly database: Database,
    private readonly tree: Tree,
    private readonly keyring: AccountKeyring,
    private readonly shards: OpenShards,
  ) {}

  /** The newest version, or the one that is named. */
  async run(account: string, names: Names, version?: string): Promise<OpenFile> {
    return this.found(account, await this.tree.file(account, names, version));
  }

  /** What was found some other way than by its path. */
  async found(account: string, found: FoundFile): Promise<OpenFile> {
    const sha256 = await verifiedSha256(this.keyring, account, found.node.id, found.version);
    const { content, size } = found.version;
    return { ...found, sha256, content: () => this.open(account, { content, size, sha256 }) };
  }

  /** A content by what is proved of it. */
  async open(account: string, proved: { content: string; size: number; sha256: Buffer }): Promise<ContentReader> {
    const { content, size, sha256 } = proved;
    const row = await publishedContent(this.database, account, content);
    if (!row) throw new NotFound('The content of this file was erased.');
    const sealed = { accountKey: row.account_key, wrapped: row.wrapped_key };
    const keys = await this.keyring.openContentKey(account, content, sealed);
    const manifest = openManifestHeader(keys.manifest, { account, content }, row.manifest_header);
    if (manifest.totalLength !== size || !manifest.sha256.equals(sha256)) throw new SealBroken();
    return new ContentReader({
      sql: this.database,
      account,
      content,
      keys,
      manifest,
      shards: (spread) => this.shards.of(account, spread),
    });
  }
}
