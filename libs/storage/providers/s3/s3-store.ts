import { isBlobName, newBlobName, requireBlobName } from '../../blob-name.js';
import { requireRange } from '../../byte-range.js';
import { type Clock, systemClock } from '../../clock.js';
import { AccessRefused, BlobMismatch, BlobMissing, BlobTruncated, ConnectionAway, FolderInUse } from '../../errors.js';
import { isFolderName } from '../../folder-name.js';
import { folderId, type FolderPage, folderPath, type ListsFolders } from '../../lists-folders.js';
import type {
  BlobBody,
  BlobListing,
  BlobName,
  BlobStat,
  ByteRange,
  CallOptions,
  GetOptions,
  PutProof,
  StorageProvider,
  Traits,
} from '../../provider.js';
import type { RequestGate } from '../../request-gate.js';
import {
  type Agents,
  Bucket,
  type Limits,
  type PutAnswer,
  type StoredObject,
  type Upload,
  type Versions,
} from './bucket.js';
import { type Digests, digestsOf } from './digests.js';
import type { CreateOnlyHeader, Preset } from './presets.js';
import { NameTaken, NotUnderstood } from './s3-faults.js';
import type { Target } from './target.js';
import { s3Traits } from './traits.js';

const markerName = 'marker';
/** Stays in our folder to ask the store with whether it heeds create-only puts. */
const questionName = 'question';
const longestMarker = 1024 * 1024;
const pageLength = 1000;
/** So long a folder that was seen counts as being there. */
const folderSeenMs = 60_000;

export interface S3Place {
  readonly target: Target;
  /** The name of our own folder. */
  readonly folder: string;
  readonly agents: Agents;
  readonly limits?: Limits;
  readonly clock?: Clock;
  readonly gate?: RequestGate;
  /** Lets go of the agents. */
  readonly release?: () => void;
}

/**
 * Blobs in a bucket, as `PREFIX/FOLDER/NAME`. A bucket has no folders: ours is there as long as the marker in it is.
 */
export class S3Store implements StorageProvider, ListsFolders {
  /** `createOnly` becomes true when the store has shown that it heeds it. */
  readonly traits: { -readonly [Name in keyof Traits]: Traits[Name] };
  private readonly bucket: Bucket;
  private readonly preset: Preset;
  private readonly folder: string;
  private readonly clock: Clock;
  private folderSeenAt = -Infinity;
  private createOnly: Promise<CreateOnlyHeader | undefined> | undefined;
  /** The store's ETags were seen not to be hashes, though all had arrived as it was sent. */
  private opaque = false;
  private versioned: boolean;

  constructor(private readonly place: S3Place) {
    if (!isFolderName(place.folder)) throw new RangeError('not the name of a folder of ours');
    this.preset = place.target.preset;
    this.traits = { ...s3Traits, checksum: this.preset.checksum };
    this.versioned = this.preset.versioned ?? false;
    this.folder = `${place.target.prefix}${place.folder}/`;
    this.bucket = new Bucket(place.target, place.agents, place.limits, place.gate);
    this.clock = place.clock ?? systemClock;
  }

  async nameBlob({ signal }: CallOptions = {}): Promise<BlobName> {
    signal?.throwIfAborted();
    return newBlobName();
  }

  async put(name: BlobName, body: BlobBody, { signal }: CallOptions = {}): Promise<PutProof> {
    const key = this.keyOf(name);
    await this.requireFolder(signal);
    const createOnly = await this.createOnlyHeader(signal);
    const upload = { body, digests: await digestsOf(body, signal), createOnly };
    const before = createOnly ? null : await this.bucket.head(key, signal);
    if (before) return this.again(key, before, upload, signal);
    let answer: PutAnswer;
    try {
      answer = await this.bucket.put(key, upload, signal);
    } catch (error) {
      if (!(error instanceof NameTaken)) throw error;
      const there = await this.bucket.head(key, signal);
      // Taken a moment ago, by a put that has not ended yet.
      if (!there) throw new ConnectionAway(undefined, { cause: error });
      return this.again(key, there, upload, signal);
    }
    const proof = await this.prove(key, upload, answer, signal);
    if (proof) return proof;
    await this.remove(key, signal);
    throw new NotKept();
  }

  async *get(name: BlobName, range: ByteRange, options: GetOptions = {}): AsyncIterable<Buffer> {
    requireRange(range);
    const key = this.keyOf(name);
    if (range.length === 0) return;
    try {
      yield* this.bucket.get(key, range, options);
    } catch (error) {
      if (error instanceof BlobMissing) await this.requireFolderNow(options.signal);
      throw error;
    }
  }

  async stat(name: BlobName, { signal }: CallOptions = {}): Promise<BlobStat | null> {
    const found = await this.bucket.head(this.keyOf(name), signal);
    if (found) return { length: found.length, checksum: this.checksumOf(found) };
    await this.requireFolderNow(signal);
    return null;
  }

  async delete(name: BlobName, { signal }: CallOptions = {}): Promise<void> {
    const key = this.keyOf(name);
    await this.requireFolder(signal);
    await this.remove(key, signal);
  }

  async list(cursor?: string, { signal }: CallOptions = {}): Promise<BlobListing> {
    if (cursor === undefined) await this.requireFolderNow(signal);
    const { objects, nextCursor } = await this.bucket.list(this.folder, cursor, pageLength, signal);
    const entries = objects.flatMap(({ key, length, etag }) => {
      const name = key.slice(this.folder.length);
      if (name === markerName || name === questionName) return [];
      const checksum = this.checksumOf({ length, etag, sha256: null, sealed: false });
      // A name of nothing is how consoles draw a folder.
      return [{ name: name || '/', length, checksum, foreign: !isBlobName(name) }];
    });
    return nextCursor === undefined ? { entries } : { entries, nextCursor };
  }

  /** No S3 tells how much room there is. */
  async space({ signal }: CallOptions = {}): Promise<null> {
    signal?.throwIfAborted();
    return null;
  }

  async readMarker({ signal }: CallOptions = {}): Promise<Buffer | null> {
    const marker = await this.bucket.read(this.folder + markerName, longestMarker, signal);
    this.folderSeenAt = marker ? this.clock.now() : -Infinity;
    return marker;
  }

  async writeMarker(marker: Buffer, { signal }: CallOptions = {}): Promise<void> {
    const key = this.folder + markerName;
    const upload = await this.uploadOf(marker, signal);
    const answer = await this.bucket.put(key, upload, signal);
    if (!(await this.prove(key, upload, answer, signal))) throw new NotKept();
    this.folderSeenAt = this.clock.now();
    const { versionId } = answer;
    if (versionId === null) return;
    await this.removeVersions(key, signal, ({ contents }) => {
      const ours = contents.indexOf(versionId);
      return ours < 0 ? [] : contents.slice(ours + 1);
    });
  }

  async removeFolder({ signal }: CallOptions = {}): Promise<void> {
    let cursor: string | undefined;
    do {
      const page = await this.bucket.list(this.folder, cursor, pageLength, signal);
      const own = [this.folder + markerName, this.folder + questionName];
      if (page.objects.some(({ key }) => !own.includes(key))) throw new FolderInUse();
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    this.folderSeenAt = -Infinity;
    this.createOnly = undefined;
    await this.remove(this.folder + questionName, signal);
    await this.remove(this.folder + markerName, signal);
  }

  async folders(id: string, cursor?: string, { signal }: CallOptions = {}): Promise<FolderPage> {
    const path = folderPath(id);
    const above = path === '' ? '' : `${path}/`;
    const { prefixes, nextCursor } = await this.bucket.prefixes(above, cursor, 200, signal);
    const folders = prefixes.flatMap((prefix) => {
      const name = prefix.slice(above.length, -1);
      if (name === '' || prefix === this.folder) return [];
      return [{ id: folderId(above + name), name, settings: { prefix: above + name } }];
    });
    return nextCursor === undefined ? { folders } : { folders, nextCursor };
  }

  async close(): Promise<void> {
    this.bucket.close();
    this.place.release?.();
  }

  private keyOf(name: string): string {
    return this.folder + requireBlobName(name);
  }

  private async requireFolder(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.clock.now() - this.folderSeenAt > folderSeenMs) await this.requireFolderNow(signal);
  }

  /** A bucket without our marker is away, not empty: it may be another one under the same name. */
  private async requireFolderNow(signal?: AbortSignal): Promise<void> {
    if (!(await this.readMarker({ signal }))) throw new ConnectionAway('Our folder is not in this bucket.');
  }

  /** Asked once: the header that makes puts create only, or undefined where the store does not heed it. */
  private async createOnlyHeader(signal?: AbortSignal): Promise<CreateOnlyHeader | undefined> {
    const asking = (this.createOnly ??= this.askCreateOnly());
    try {
      const header = await asking;
      signal?.throwIfAborted();
      return header;
    } catch (error) {
      if (this.createOnly === asking) this.createOnly = undefined;
      throw error;
    }
  }

  /** A store may ignore the header: only that it refuses a second put shows that it does not. */
  private async askCreateOnly(): Promise<CreateOnlyHeader | undefined> {
    const createOnly = this.preset.createOnly ?? undefined;
    if (!createOnly) return undefined;
    const upload = { ...(await this.uploadOf(Buffer.alloc(0))), createOnly };
    for (let asked = 0; asked < 2; asked += 1) {
      try {
        await this.bucket.put(this.folder + questionName, upload);
      } catch (error) {
        if (error instanceof NotUnderstood) return undefined;
        if (!(error instanceof NameTaken)) throw error;
        this.traits.createOnly = true;
        return createOnly;
      }
    }
    return undefined;
  }

  private async uploadOf(bytes: Buffer, signal?: AbortSignal): Promise<Upload> {
    const body = { length: bytes.length, pieces: () => [bytes] };
    return { body, digests: await digestsOf(body, signal) };
  }

  /** Something lies there already: this put's own earlier try, perhaps. */
  private async again(key: string, there: StoredObject, upload: Upload, signal?: AbortSignal): Promise<PutProof> {
    if (there.length !== upload.body.length) throw new BlobMismatch();
    const checksum = this.checksumOf(there);
    if (checksum !== null && checksum === this.checksumOfBytes(upload.digests)) return { kind: 'checksum', checksum };
    if (!(await this.holds(key, upload, signal))) throw new BlobMismatch();
    return { kind: 'looked', checksum: null };
  }

  /** The store's own hash is the best proof; where it has none, one look back at the bytes shows that they arrive well. */
  private async prove(key: string, upload: Upload, answer: PutAnswer, signal?: AbortSignal): Promise<PutProof | null> {
    const checksum = this.checksumOf({ ...answer, length: upload.body.length, sealed: false });
    if (checksum !== null && checksum === this.checksumOfBytes(upload.digests)) return { kind: 'checksum', checksum };
    const there = await this.bucket.head(key, signal);
    if (there?.length !== upload.body.length) return null;
    if (!this.opaque && !(await this.holds(key, upload, signal))) return null;
    this.opaque = true;
    return { kind: 'looked', checksum: null };
  }

  private async holds(key: string, { body, digests }: Upload, signal?: AbortSignal): Promise<boolean> {
    if (body.length === 0) return true;
    const pieces = () => this.bucket.get(key, { offset: 0, length: body.length }, { signal });
    try {
      const { sha256 } = await digestsOf({ length: body.length, pieces }, signal);
      return sha256.equals(digests.sha256);
    } catch (error) {
      if (error instanceof BlobMissing || error instanceof BlobTruncated) return false;
      throw error;
    }
  }

  private checksumOf({ etag, sha256, sealed }: StoredObject): string | null {
    if (this.preset.checksum === 'sha256') return sha256 === null ? null : `sha256:${sha256}`;
    return sealed || this.opaque || !/^[0-9a-f]{32}$/.test(etag) ? null : `md5:${etag}`;
  }

  private checksumOfBytes({ md5, sha256 }: Digests): string {
    return this.preset.checksum === 'sha256' ? `sha256:${sha256.toString('base64')}` : `md5:${md5.toString('hex')}`;
  }

  /**
   * In a bucket that keeps versions, deleting only hides: every version of the key goes, and every delete marker.
   * That some are kept is told by the first answer.
   */
  private async remove(key: string, signal?: AbortSignal): Promise<void> {
    if (!this.versioned) {
      const { kept } = await this.bucket.remove(key, undefined, signal);
      if (!kept) return;
      this.versioned = true;
    }
    await this.removeVersions(key, signal, ({ contents, markers }) => [...contents, ...markers]);
  }

  private async removeVersions(
    key: string,
    signal: AbortSignal | undefined,
    choose: (versions: Versions) => readonly string[],
  ): Promise<void> {
    try {
      const versions = await this.bucket.versionsOf(key, signal);
      for (const version of choose(versions)) await this.bucket.remove(key, version, signal);
    } catch (error) {
      if (!(error instanceof AccessRefused)) throw error;
      throw new AccessRefused(
        'This bucket keeps old versions, and the access key may not delete them. ' +
          'Let it list and delete versions, or use a bucket that keeps none.',
        { cause: error },
      );
    }
  }
}

/** A store that said yes and keeps something else, or nothing. Another try may do better. */
class NotKept extends ConnectionAway {
  constructor() {
    super('What the store keeps is not what it was given.');
  }
}
