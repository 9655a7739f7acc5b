import { createHash } from 'node:crypto';
import {
  type BlobBody,
  type BlobListing,
  type BlobName,
  type BlobStat,
  type ByteRange,
  type CallOptions,
  type GetOptions,
  type ProviderDescription,
  providers,
  type PutProof,
  type Traits,
} from '#storage';
import { MemoryProvider } from '#storage/testing';

export const HASHING_CLOUD = 'hashing-cloud';

type Listed = (page: BlobListing, cursor: string | undefined) => BlobListing | Promise<BlobListing>;

/** Keeps blobs in this process, lists an MD5 of each, a few in a page; and tells whatever a test has it tell. */
export class HashingCloud extends MemoryProvider {
  override readonly traits: Traits = { ...new MemoryProvider().traits, checksum: 'md5' };
  pageLength = 10;
  /** What becomes of each page. */
  listed: Listed = (page) => page;
  beforeGet: (name: BlobName) => Promise<void> | void = () => {};
  beforeDelete: (name: BlobName) => Promise<void> | void = () => {};
  /** What is served in place of what lies there, which is listed as it should be. */
  readonly garbage = new Map<string, Buffer>();

  override async put(name: BlobName, body: BlobBody, options?: CallOptions): Promise<PutProof> {
    await super.put(name, body, options);
    return { kind: 'checksum', checksum: md5(this.blobs.get(name)!) };
  }

  override async *get(name: BlobName, range: ByteRange, options?: GetOptions): AsyncIterable<Buffer> {
    await this.beforeGet(name);
    const garbage = this.garbage.get(name);
    if (garbage) yield garbage.subarray(range.offset, range.offset + range.length);
    else yield* super.get(name, range, options);
  }

  override async stat(name: BlobName, options?: CallOptions): Promise<BlobStat | null> {
    const found = await super.stat(name, options);
    return found && { ...found, checksum: md5(this.blobs.get(name)!) };
  }

  override async delete(name: BlobName, options?: CallOptions): Promise<void> {
    await this.beforeDelete(name);
    await super.delete(name, options);
  }

  override async list(cursor?: string, options?: CallOptions): Promise<BlobListing> {
    await super.list(undefined, options);
    const names = [...this.blobs.keys()].filter((name) => cursor === undefined || name > cursor).toSorted(byBytes);
    const entries = names.slice(0, this.pageLength).map((name) => {
      const bytes = this.blobs.get(name)!;
      return { name, length: bytes.length, checksum: md5(bytes), foreign: false };
    });
    const more = names.length > entries.length ? { nextCursor: entries.at(-1)!.name } : {};
    return this.listed({ entries, ...more }, cursor);
  }
}

const byBytes = (one: string, other: string): number => (one < other ? -1 : 1);
const md5 = (bytes: Buffer): string => `md5:${createHash('md5').update(bytes).digest('hex')}`;

/** A kind of storage whose connections each are a cloud of their own, in the order in which they are made. */
export function addHashingClouds(): { readonly clouds: HashingCloud[] } & Disposable {
  const clouds: HashingCloud[] = [];
  const folders = new Map<string, HashingCloud>();
  const description: ProviderDescription = {
    id: HASHING_CLOUD,
    title: 'Hashing cloud',
    summary: 'A cloud for tests.',
    help: 'It keeps nothing for long.',
    connect: 'form',
    fields: [],
    links: [],
    adminsOnly: false,
    traits: new HashingCloud().traits,
    limits: { concurrency: 8, requestsPerSecond: null },
    open: async ({ folder }) => {
      const cloud = folders.get(folder) ?? new HashingCloud();
      if (!folders.has(folder)) clouds.push(cloud);
      folders.set(folder, cloud);
      return cloud;
    },
    identityOf: () => `cloud ${clouds.length}`,
    domainOf: async () => HASHING_CLOUD,
  };
  const registry = providers as ProviderDescription[];
  registry.push(description);
  return { clouds, [Symbol.dispose]: () => void registry.splice(registry.indexOf(description), 1) };
}
