import { createHash } from 'node:crypto';
import { requireRange } from '../../byte-range.js';
import { type Clock, systemClock } from '../../clock.js';
import {
  BlobMismatch,
  BlobMissing,
  BlobTruncated,
  BodyLengthWrong,
  ConnectionAway,
  FolderInUse,
  FolderMissing,
} from '../../errors.js';
import type { FolderPage, ListsFolders } from '../../lists-folders.js';
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
} from '../../provider.js';
import { DriveApi, type DriveFile, folderType } from './drive-api.js';
import { FolderOverfull, NotFound } from './drive-faults.js';
import { isDriveId, requireDriveId } from './drive-id.js';
import { Home, type HomeIds } from './home.js';
import { IdPool } from './id-pool.js';
import { blobType, Listing } from './listing.js';
import { readBlob } from './read-blob.js';
import { Shelves, shortName } from './shelves.js';
import { uploadAtOnce } from './single-upload.js';
import { googleDriveTraits, units } from './traits.js';
import { UploadRest } from './upload-rest.js';
import { UploadSessions } from './upload-sessions.js';
import { Wire, type WirePlace } from './wire.js';

/** What Google advises to send in one request without a session. It halves the requests of what is not larger. */
const mostAtOnce = 5_000_000;
const longestMarker = 64 * 1024;
const usualPiece = 1024 * 1024;
/** Blobs of our own that a list may not show yet. */
const recentNames = 256;

export interface GoogleDrivePlace extends WirePlace {
  /** The name of our own folder, for people to see. */
  readonly folder: string;
  readonly ids: HomeIds;
  readonly clock?: Clock;
}

/** Blobs as files of Google Drive. A blob's name is the id of its file: it is created, read and deleted by that alone. */
export class GoogleDrive implements StorageProvider, ListsFolders {
  readonly traits = googleDriveTraits;
  private readonly wire: Wire;
  private readonly api: DriveApi;
  private readonly home: Home;
  private readonly names: IdPool;
  private readonly shelves: Shelves;
  private readonly listing: Listing;
  private readonly sessions: UploadSessions;
  private readonly rest: UploadRest;
  /** Blobs of ours that Google may keep with other bytes than were sent: an earlier try's, not somebody else's. */
  private readonly suspect = new Set<BlobName>();
  private readonly recent = new Set<BlobName>();

  constructor(place: GoogleDrivePlace) {
    this.wire = new Wire(place);
    this.api = new DriveApi(this.wire);
    this.home = new Home(this.api, place.ids, place.folder);
    this.names = new IdPool(this.api);
    this.shelves = new Shelves(this.api, this.home, this.names);
    this.listing = new Listing(this.api, this.home);
    this.sessions = new UploadSessions(this.wire);
    this.rest = new UploadRest(place.clock ?? systemClock);
  }

  nameBlob({ signal }: CallOptions = {}): Promise<BlobName> {
    return this.names.take(signal);
  }

  /**
   * The hash is taken before anything is sent: a body of a wrong length is never begun, a session is gone on with only
   * for the same bytes, and Google's own hash is held against it afterwards. A create that is repeated meets the id in
   * use, and what lies there is compared. One request for up to 5 MB, two for more.
   */
  async put(name: BlobName, body: BlobBody, { signal }: CallOptions = {}): Promise<PutProof> {
    requireDriveId(name);
    signal?.throwIfAborted();
    this.rest.check();
    const md5 = await md5Of(body, signal);
    const shelf = await this.shelves.choose(signal);
    const metadata = { id: name, name: shortName(), mimeType: blobType, parents: [shelf] };
    let told: DriveFile | null;
    try {
      told =
        body.length <= mostAtOnce
          ? await uploadAtOnce(this.wire, { metadata, body, signal })
          : await this.sessions.send({ name, metadata, body, md5, signal });
      this.rest.taken();
    } catch (error) {
      throw await this.explainUpload(error, shelf, signal);
    }
    const whole = { length: body.length, md5 };
    const proof = told ? await this.prove(name, told, whole, signal) : await this.compare(name, whole, signal);
    this.remember(name);
    return proof;
  }

  async *get(name: BlobName, range: ByteRange, options: GetOptions = {}): AsyncIterable<Buffer> {
    requireDriveId(name);
    requireRange(range);
    const { signal, pieceLength = usualPiece } = options;
    signal?.throwIfAborted();
    if (range.length === 0) return;
    const url = new URL(`/drive/v3/files/${name}?alt=media`, this.wire.root);
    const answer = await this.wire.download({
      method: 'GET',
      url,
      gated: { kind: 'download', bytes: range.length, units: units.download },
      // Compressed, a part would not be the part that was asked for.
      headers: { Range: `bytes=${range.offset}-${range.offset + range.length - 1}`, 'Accept-Encoding': 'identity' },
      understood: [404, 416],
      ...(signal && { signal }),
    });
    if (answer.status === 416) throw new BlobTruncated();
    if (answer.status === 404) {
      await this.home.require(signal);
      throw new BlobMissing();
    }
    yield* readBlob(answer, range, pieceLength, signal);
  }

  /** What lies in the trash goes by itself one day: it is not kept. Unless our whole folder does; then we are away. */
  async stat(name: BlobName, { signal }: CallOptions = {}): Promise<BlobStat | null> {
    requireDriveId(name);
    const found = await this.api.look(name, signal);
    if (found && found.trashed !== true) return { length: Number(found.size ?? 0), checksum: checksumOf(found) };
    await this.home.require(signal);
    return null;
  }

  async delete(name: BlobName, { signal }: CallOptions = {}): Promise<void> {
    requireDriveId(name);
    this.sessions.forget(name);
    if (!(await this.api.delete(name, signal))) await this.home.require(signal);
    this.recent.delete(name);
  }

  list(cursor?: string, { signal }: CallOptions = {}): Promise<BlobListing> {
    return this.listing.page(cursor, signal);
  }

  /** Of the whole account, mail and photos included. No limit is told where there is none. */
  async space({ signal }: CallOptions = {}): Promise<Space | null> {
    const { storageQuota } = await this.api.about('storageQuota(limit,usage)', signal);
    if (!storageQuota) return null;
    const [total, used] = [numberOf(storageQuota.limit), numberOf(storageQuota.usage)];
    return { total, used, free: total === null || used === null ? null : Math.max(0, total - used) };
  }

  async readMarker({ signal }: CallOptions = {}): Promise<Buffer | null> {
    if (!(await this.home.isThere(signal))) return null;
    const url = new URL(`/drive/v3/files/${this.home.marker}?alt=media`, this.wire.root);
    const gated = { kind: 'download', bytes: longestMarker, units: units.download } as const;
    const answer = await this.wire.ask({ method: 'GET', url, gated, understood: [404], ...(signal && { signal }) });
    if (answer.status === 404) return null;
    if (answer.body.length > longestMarker) throw new ConnectionAway('The marker of our folder is not one of ours.');
    return answer.body;
  }

  /** A file whose id was decided beforehand, its content replaced as a whole. */
  async writeMarker(marker: Buffer, { signal }: CallOptions = {}): Promise<void> {
    await this.home.ensure(signal);
    this.shelves.forget();
    const upload = { body: { length: marker.length, pieces: () => [marker] }, signal };
    const metadata = { id: this.home.marker, name: shortName(), mimeType: blobType, parents: [this.home.folder] };
    const replace = () =>
      uploadAtOnce(this.wire, { ...upload, replaces: this.home.marker, metadata: { trashed: false } });
    // Two who both find none: the one whose create is refused replaces what the other made.
    const told = (await replace()) ?? (await uploadAtOnce(this.wire, { ...upload, metadata })) ?? (await replace());
    if (told?.md5Checksum !== createHash('md5').update(marker).digest('hex')) {
      throw new ConnectionAway('Google Drive did not keep what it had taken.');
    }
  }

  /** Lists may be behind: what was put from here lately is looked for by its id as well. */
  async removeFolder({ signal }: CallOptions = {}): Promise<void> {
    if (!(await this.home.isThere(signal))) return;
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await this.listing.page(cursor, signal);
      if (page.entries.length > 0) throw new FolderInUse();
      cursor = page.nextCursor;
    }
    for (const name of this.recent) if (await this.stat(name, { signal })) throw new FolderInUse();
    this.shelves.forget();
    await this.home.leave(signal);
  }

  async folders(id: string, cursor?: string, { signal }: CallOptions = {}): Promise<FolderPage> {
    if (id !== 'root' && !isDriveId(id)) throw new FolderMissing();
    const query = `'${id}' in parents and mimeType = '${folderType}' and trashed = false`;
    const search = { query, pageSize: 200, ...(cursor !== undefined && { pageToken: cursor }) };
    const found = await this.api.search(search, signal);
    if (!found) throw new FolderMissing();
    const shown = found.files.filter((file) => file.id !== this.home.folder);
    const folders = shown.map((file) => ({ id: file.id, name: file.name ?? file.id }));
    return { folders, ...(found.next !== undefined && { nextCursor: found.next }) };
  }

  async close(): Promise<void> {
    this.wire.close();
  }

  private async explainUpload(error: unknown, shelf: string, signal?: AbortSignal): Promise<unknown> {
    if (error instanceof FolderOverfull) this.shelves.markFull(shelf);
    if (error instanceof NotFound) {
      this.shelves.forget();
      // Says so when it is our folder that is not there.
      await this.home.require(signal);
    }
    return this.rest.judge(error);
  }

  private async prove(name: BlobName, told: DriveFile, whole: Whole, signal?: AbortSignal): Promise<PutProof> {
    if (isWhole(told, whole)) return this.proven(name, told, whole, signal);
    // Said yes and not what it has, or something else than we sent: a look by the id decides.
    this.suspect.add(name);
    const found = await this.api.look(name, signal);
    if (found && !isWhole(found, whole)) return this.takeBack(name, signal);
    this.suspect.delete(name);
    if (!found) throw new ConnectionAway('Google Drive did not keep what it had taken.');
    return this.proven(name, found, whole, signal);
  }

  /** Nobody can have been told that these bytes are kept. Where even that fails, the next try comes here again. */
  private async takeBack(name: BlobName, signal?: AbortSignal): Promise<never> {
    await this.api.delete(name, signal);
    this.suspect.delete(name);
    throw new ConnectionAway('The bytes arrived changed at Google Drive.');
  }

  private async compare(name: BlobName, whole: Whole, signal?: AbortSignal): Promise<PutProof> {
    const found = await this.api.look(name, signal);
    // In use and not to be seen: by an upload that goes on elsewhere, or by a file that was deleted since.
    if (!found) throw new ConnectionAway('Google Drive holds back the place of this piece.');
    if (!isWhole(found, whole)) {
      if (this.suspect.has(name)) return this.takeBack(name, signal);
      throw new BlobMismatch();
    }
    this.suspect.delete(name);
    return this.proven(name, found, whole, signal);
  }

  private async proven(name: BlobName, told: DriveFile, { md5 }: Whole, signal?: AbortSignal): Promise<PutProof> {
    if (told.trashed === true) await this.takeOutOfTrash(name, signal);
    return { kind: 'checksum', checksum: `md5:${md5}` };
  }

  /** Its owner has thrown it away, or the shelf that it lies on: it goes to another one. Our whole folder stays away. */
  private async takeOutOfTrash(name: BlobName, signal?: AbortSignal): Promise<void> {
    await this.home.require(signal);
    this.shelves.forget();
    const [found, shelf] = [await this.api.look(name, signal), await this.shelves.choose(signal)];
    const moved = found && (await this.api.move(found, shelf, signal));
    if (moved?.trashed !== false) throw new ConnectionAway('A piece of ours lies in the trash of this Google Drive.');
  }

  private remember(name: BlobName): void {
    this.recent.add(name);
    for (const oldest of this.recent) {
      if (this.recent.size <= recentNames) break;
      this.recent.delete(oldest);
    }
  }
}

interface Whole {
  readonly length: number;
  readonly md5: string;
}

function isWhole({ size, md5Checksum }: DriveFile, { length, md5 }: Whole): boolean {
  return size === String(length) && md5Checksum === md5;
}

function checksumOf({ md5Checksum }: DriveFile): string | null {
  return md5Checksum === undefined ? null : `md5:${md5Checksum}`;
}

function numberOf(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}

async function md5Of(body: BlobBody, signal?: AbortSignal): Promise<string> {
  const hash = createHash('md5');
  let length = 0;
  for await (const piece of body.pieces()) {
    signal?.throwIfAborted();
    length += piece.length;
    if (length > body.length) throw new BodyLengthWrong();
    hash.update(piece);
  }
  signal?.throwIfAborted();
  if (length !== body.length) throw new BodyLengthWrong();
  return hash.digest('hex');
}
