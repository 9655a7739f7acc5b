import { Injectable, Logger } from '@nestjs/common';
import { openManifestHeader, SealBroken } from '#crypto';
import { BlobMissing, BlobTruncated } from '#storage';
import { ConnectionHealth, ConnectionPool } from '../connections/index.js';
import { type BlobFault, type ChunkRow, noteFaults, publishedContent } from '../contents/index.js';
import { Database } from '../database/index.js';
import { NotFound, Tree, verifiedSha256, type FoundFile, type Names } from '../files/index.js';
import { AccountKeyring } from '../keys/index.js';
import { ContentReader } from './content-reader.js';
import { ShardReader } from './shard-reader.js';

export interface OpenFile extends FoundFile {
  readonly sha256: Buffer;
  /** Opened when the first byte is asked for; an answer without a body needs no key of the content. */
  readonly content: () => Promise<ContentReader>;
}

/**
 * Opens the newest version at a path: the row's MAC is checked, then the manifest that closes the
 * content, and that both are of one length. Bytes follow as they are asked for.
 */
@Injectable()
export class ReadFile {
  private readonly log = new Logger('transfers');

  constructor(
    private readonly database: Database,
    private readonly tree: Tree,
    private readonly keyring: AccountKeyring,
    private readonly pool: ConnectionPool,
    private readonly health: ConnectionHealth,
  ) {}

  /** The newest version, or the one that is named. */
  async run(account: string, names: Names, version?: string): Promise<OpenFile> {
    return this.found(account, await this.tree.file(account, names, version));
  }

  /** What was found some other way than by its path. */
  async found(account: string, found: FoundFile): Promise<OpenFile> {
    const sha256 = await verifiedSha256(this.keyring, account, found.node.id, found.version);
    return { ...found, sha256, content: () => this.open(account, found, sha256) };
  }

  private async open(account: string, found: FoundFile, sha256: Buffer): Promise<ContentReader> {
    const { content, size } = found.version;
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
      shards: new ShardReader({
        spread: row,
        provider: (connection, patience) => this.pool.provider(connection, patience),
        shunned: (connection) => this.health.shunned(connection) === 'away',
        onFault: (shard, error) => this.blame(account, shard, error),
      }),
    });
  }

  /** The reader goes on meanwhile: what could not be written down now is found again by the next reader, or by scrub. */
  private blame(account: string, { connection, blob, fault }: ChunkRow, error: unknown): void {
    this.log.warn(`Connection ${connection} did not give back what it was given: ${(error as Error).name}`);
    this.health.failed(connection, error);
    const found = faultOf(error);
    if (found === null || found === fault) return;
    noteFaults(this.database, [{ account, blob }], found).catch((failure: Error) =>
      this.log.warn(`The fault of blob ${blob} was not noted: ${failure.message}`),
    );
  }
}

/** Null for what says nothing about the bytes: the place is away, or refuses. */
function faultOf(error: unknown): BlobFault | null {
  if (error instanceof BlobMissing) return 'missing';
  return error instanceof BlobTruncated || error instanceof SealBroken ? 'damaged' : null;
}
