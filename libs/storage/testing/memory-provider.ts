import { newBlobName, requireBlobName } from '../blob-name.js';
import { requireRange } from '../byte-range.js';
import {
  BlobMismatch,
  BlobMissing,
  BlobTruncated,
  BodyLengthWrong,
  ConnectionAway,
  ConnectionFull,
  FolderInUse,
} from '../errors.js';
import type {
  BlobBody,
  BlobListing,
  BlobName,
  BlobStat,
  ByteRange,
  CallOptions,
  GetOptions,
  PutProof,
  Space,
  StorageProvider,
  Traits,
} from '../provider.js';

const traits: Traits = {
  largestBlob: 2 ** 31,
  checksum: null,
  createOnly: true,
  spaceKnown: true,
  ranges: true,
  longestUploadSessionMs: 0,
};

const pageLength = 1000;
const usualPiece = 256 * 1024;

/** Keeps blobs in memory, with every promise of the contract but the one about power cuts. */
export class MemoryProvider implements StorageProvider {
  readonly traits = traits;
  /** What lies there, for a test to look at and to spoil. */
  readonly blobs = new Map<string, Buffer>();
  /** Things in the folder that are not ours. */
  readonly strangers = new Map<string, number>();
  private marker: Buffer | null = null;

  constructor(readonly capacity = Number.MAX_SAFE_INTEGER) {}

  async nameBlob({ signal }: CallOptions = {}): Promise<BlobName> {
    signal?.throwIfAborted();
    return newBlobName();
  }

  async put(name: BlobName, body: BlobBody, { signal }: CallOptions = {}): Promise<PutProof> {
    this.requirePlace(signal, name);
    const bytes = await gather(body, signal);
    this.requirePlace(signal);
    const there = this.blobs.get(name);
    if (there && !there.equals(bytes)) throw new BlobMismatch();
    if (!there && this.used + bytes.length > this.capacity) throw new ConnectionFull();
    this.blobs.set(name, there ?? bytes);
    return { kind: 'looked', checksum: null };
  }

  async *get(name: BlobName, range: ByteRange, options: GetOptions = {}): AsyncIterable<Buffer> {
    requireRange(range);
    this.requirePlace(options.signal, name);
    if (range.length === 0) return;
    const blob = this.blobs.get(name);
    if (!blob) throw new BlobMissing();
    const end = range.offset + range.length;
    const pieceLength = options.pieceLength ?? usualPiece;
    for (let at = range.offset; at < end; at += pieceLength) {
      options.signal?.throwIfAborted();
      const until = Math.min(at + pieceLength, end);
      if (until > blob.length) throw new BlobTruncated();
      yield Buffer.from(blob.subarray(at, until));
    }
  }

  async stat(name: BlobName, { signal }: CallOptions = {}): Promise<BlobStat | null> {
    this.requirePlace(signal, name);
    const blob = this.blobs.get(name);
    return blob ? { length: blob.length, checksum: null } : null;
  }

  async delete(name: BlobName, { signal }: CallOptions = {}): Promise<void> {
    this.requirePlace(signal, name);
    this.blobs.delete(name);
  }

  async list(cursor?: string, { signal }: CallOptions = {}): Promise<BlobListing> {
    this.requirePlace(signal);
    const all = [
      ...[...this.strangers].map(([name, length]) => ({ name, length, checksum: null, foreign: true })),
      ...[...this.blobs].map(([name, { length }]) => ({ name, length, checksum: null, foreign: false })),
    ].sort((a, b) => (a.name < b.name ? -1 : 1));
    const rest = all.filter(({ name }) => cursor === undefined || name > cursor);
    const entries = rest.slice(0, pageLength);
    return rest.length > pageLength ? { entries, nextCursor: entries.at(-1)?.name } : { entries };
  }

  async space({ signal }: CallOptions = {}): Promise<Space> {
    signal?.throwIfAborted();
    return { total: this.capacity, used: this.used, free: this.capacity - this.used };
  }

  async readMarker({ signal }: CallOptions = {}): Promise<Buffer | null> {
    signal?.throwIfAborted();
    return this.marker && Buffer.from(this.marker);
  }

  async writeMarker(marker: Buffer, { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    this.marker = Buffer.from(marker);
  }

  async removeFolder({ signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (this.blobs.size + this.strangers.size > 0) throw new FolderInUse();
    this.marker = null;
  }

  async close(): Promise<void> {}

  /** Loses everything at once, as a disk that was replaced by an empty one. */
  wipe(): void {
    this.blobs.clear();
    this.strangers.clear();
    this.marker = null;
  }

  private get used(): number {
    let used = 0;
    for (const { length } of this.blobs.values()) used += length;
    return used;
  }

  private requirePlace(signal?: AbortSignal, name?: BlobName): void {
    if (name !== undefined) requireBlobName(name);
    signal?.throwIfAborted();
    if (!this.marker) throw new ConnectionAway();
  }
}

async function gather(body: BlobBody, signal?: AbortSignal): Promise<Buffer> {
  const bytes = Buffer.alloc(body.length);
  let at = 0;
  for await (const piece of body.pieces()) {
    signal?.throwIfAborted();
    if (at + piece.length > body.length) throw new BodyLengthWrong();
    piece.copy(bytes, at);
    at += piece.length;
  }
  if (at !== body.length) throw new BodyLengthWrong();
  return bytes;
}

/** A provider in memory whose folder is there already. */
export async function memoryProvider(capacity?: number): Promise<MemoryProvider> {
  const provider = new MemoryProvider(capacity);
  await provider.writeMarker(Buffer.from('memory'));
  return provider;
}
