import { newBlobName, requireBlobName } from '../../blob-name.js';
import { requireRange } from '../../byte-range.js';
import { BlobMissing, ConnectionAway } from '../../errors.js';
import { isFolderName } from '../../folder-name.js';
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
import { Deleting } from './deleting.js';
import { Downloads } from './downloads.js';
import { foldersIn } from './folders.js';
import { Graph } from './graph.js';
import { itemFields, readDrive, readItem } from './items.js';
import { Listing } from './listing.js';
import { blobPath, byId, markerName, OurFolder, pathOf, type Place } from './our-folder.js';
import { onedriveTraits } from './traits.js';
import { checksumOf, type Target, Uploads, type UploadSizes } from './uploads.js';
import { Wire, type WirePlace } from './wire.js';

const longestMarker = 64 * 1024;
const usualPiece = 256 * 1024;

export interface OnedrivePlace extends WirePlace {
  /** The name of our own folder. */
  readonly folder: string;
  readonly sizes?: UploadSizes;
}

/** Blobs in a folder of ours inside the folder that Microsoft keeps for the application. */
export class OnedriveProvider implements StorageProvider, ListsFolders {
  readonly traits = onedriveTraits;
  private readonly wire: Wire;
  private readonly graph: Graph;
  private readonly folder: OurFolder;
  private readonly downloads: Downloads;
  private readonly uploads: Uploads;
  private readonly listing: Listing;
  private readonly deleting: Deleting;

  constructor(place: OnedrivePlace) {
    if (!isFolderName(place.folder)) throw new RangeError('not the name of a folder of ours');
    this.wire = new Wire(place);
    this.graph = new Graph(this.wire);
    this.folder = new OurFolder(this.graph, place.folder);
    this.downloads = new Downloads(this.graph);
    this.uploads = new Uploads(this.graph, this.downloads, place.sizes);
    this.listing = new Listing(this.graph, this.folder);
    this.deleting = new Deleting(this.graph);
  }

  async nameBlob({ signal }: CallOptions = {}): Promise<BlobName> {
    signal?.throwIfAborted();
    return newBlobName();
  }

  async put(name: BlobName, body: BlobBody, { signal }: CallOptions = {}): Promise<PutProof> {
    requireBlobName(name);
    return this.place(signal, async (place) => {
      await this.folder.ensureShelf(place, name, signal);
      return this.uploads.put({ path: blobPath(place, name), body, conflict: 'fail' }, signal);
    });
  }

  async *get(name: BlobName, range: ByteRange, options: GetOptions = {}): AsyncIterable<Buffer> {
    requireRange(range);
    requireBlobName(name);
    const { signal, pieceLength = usualPiece } = options;
    signal?.throwIfAborted();
    if (range.length === 0) return;
    const place = await this.folder.place(signal);
    try {
      yield* cut(this.downloads.read(blobPath(place, name), range, signal), pieceLength);
    } catch (error) {
      if (!(error instanceof BlobMissing)) throw error;
      if (!(await this.folderMoved(place, signal))) throw error;
      const path = blobPath(await this.folder.place(signal), name);
      yield* cut(this.downloads.read(path, range, signal), pieceLength);
    }
  }

  async stat(name: BlobName, { signal }: CallOptions = {}): Promise<BlobStat | null> {
    requireBlobName(name);
    const place = await this.folder.place(signal);
    const found = await this.look(place, name, signal);
    if (found || !(await this.folderMoved(place, signal))) return found;
    return this.look(await this.folder.place(signal), name, signal);
  }

  async delete(name: BlobName, { signal }: CallOptions = {}): Promise<void> {
    requireBlobName(name);
    const place = await this.folder.place(signal);
    this.downloads.forget(blobPath(place, name));
    if (await this.deleting.blob(place, name, signal)) return;
    if (await this.folderMoved(place, signal)) await this.deleting.blob(await this.folder.place(signal), name, signal);
  }

  async list(cursor?: string, { signal }: CallOptions = {}): Promise<BlobListing> {
    signal?.throwIfAborted();
    return this.listing.page(cursor, signal);
  }

  /** Who may see nothing but the application's folder may not be told; and a drive of a firm may count nothing. */
  async space({ signal }: CallOptions = {}): Promise<Space | null> {
    const told = await this.graph.get('/me/drive', { $select: 'id,quota' }, { accept: [403], signal });
    if (told.status === 403) return null;
    const { total, used, free } = readDrive(told.json);
    return total === null || free === null || total === 0 ? null : { total, used, free };
  }

  async readMarker({ signal }: CallOptions = {}): Promise<Buffer | null> {
    const place = await this.folder.find(signal);
    if (!place) return null;
    try {
      return await this.marker(place, signal);
    } catch (error) {
      if (!(error instanceof BlobMissing)) throw error;
      const now = await this.folder.again(signal);
      return now === null || now.id === place.id ? null : this.markerOrNull(now, signal);
    }
  }

  async writeMarker(marker: Buffer, { signal }: CallOptions = {}): Promise<void> {
    await this.folder.make(signal);
    const body = { length: marker.length, pieces: () => [marker] };
    await this.place(signal, async (place) => {
      const target: Target = { path: pathOf(place, markerName), body, conflict: 'replace' };
      return this.uploads.put(target, signal);
    });
  }

  /**
   * The folder goes to the bin, whatever kind of drive it is: should a count of Microsoft's have been wrong, its owner
   * can bring it back.
   */
  async removeFolder({ signal }: CallOptions = {}): Promise<void> {
    const place = await this.folder.again(signal);
    if (!place) return;
    await this.listing.requireEmpty(place, signal);
    await this.graph.delete(byId(place.id), { accept: [404], signal });
    this.folder.forget();
  }

  async folders(id: string, cursor?: string, { signal }: CallOptions = {}): Promise<FolderPage> {
    return foldersIn(this.graph, id, cursor, signal);
  }

  async close(): Promise<void> {
    this.wire.close();
  }

  /** Once more when the folder, or a shelf in it, was not where it had been; null from `work` says so. */
  private async place<Result>(
    signal: AbortSignal | undefined,
    work: (place: Place) => Promise<Result | null>,
  ): Promise<Result> {
    const done = await work(await this.folder.place(signal));
    if (done !== null) return done;
    this.folder.forget();
    const again = await work(await this.folder.place(signal));
    if (again === null) throw new ConnectionAway('Our folder in this OneDrive is not there.');
    return again;
  }

  /** After something was not found: throws ConnectionAway when our folder is not there, either. */
  private async folderMoved({ id }: Place, signal?: AbortSignal): Promise<boolean> {
    this.folder.forget();
    return (await this.folder.place(signal)).id !== id;
  }

  private async look(place: Place, name: BlobName, signal?: AbortSignal): Promise<BlobStat | null> {
    const told = await this.graph.get(blobPath(place, name), { $select: itemFields }, { accept: [404], signal });
    if (told.status === 404) return null;
    const { size, isFolder, quickXorHash } = readItem(told.json);
    if (isFolder || size === null) return null;
    return { length: size, checksum: quickXorHash && checksumOf(quickXorHash) };
  }

  private marker(place: Place, signal?: AbortSignal): Promise<Buffer> {
    return this.downloads.readWhole(pathOf(place, markerName), longestMarker, signal);
  }

  private async markerOrNull(place: Place, signal?: AbortSignal): Promise<Buffer | null> {
    return this.marker(place, signal).catch((error: unknown) => {
      if (error instanceof BlobMissing) return null;
      throw error;
    });
  }
}

async function* cut(pieces: AsyncIterable<Buffer>, pieceLength: number): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; at += pieceLength) yield piece.subarray(at, at + pieceLength);
  }
}
