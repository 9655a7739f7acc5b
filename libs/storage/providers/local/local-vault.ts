import { isAbsolute, join } from 'node:path';
import { requireRange } from '../../byte-range.js';
import { newBlobName } from '../../blob-name.js';
import { BlobMismatch, BlobMissing, BlobTruncated, ConnectionAway, FolderInUse, SettingRefused } from '../../errors.js';
import { isFolderName } from '../../folder-name.js';
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
} from '../../provider.js';
import { asFault, codeOf, unless, withFaults } from './disk-faults.js';
import { type Disk, disk as realDisk, readFlags } from './disk.js';
import { FolderSync } from './folder-sync.js';
import { Folders } from './folders.js';
import { Layout } from './layout.js';
import { listPage } from './list-page.js';
import { readFill, sameBytes } from './read-file.js';
import { writeNewFile } from './write-file.js';

export const localTraits: Traits = {
  // What the most modest file system that somebody may mount (FAT32) can hold in one file.
  largestBlob: 2 ** 32 - 1,
  checksum: null,
  createOnly: true,
  spaceKnown: true,
  ranges: true,
  longestUploadSessionMs: 0,
};

const usualPiece = 256 * 1024;
const flushedProof: PutProof = { kind: 'fsync', checksum: null };
/** File systems without hard links say one of these. */
const noLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

export interface LocalVaultPlace {
  /** A folder that is there already; absolute. */
  readonly path: string;
  /** The name of our own folder in it. */
  readonly folder: string;
  /** Who opens it. What an opener has half-written lies under this name until somebody sweeps it. */
  readonly instance: string;
  readonly disk?: Disk;
}

export async function openLocalVault(place: LocalVaultPlace): Promise<LocalVault> {
  const disk = place.disk ?? realDisk;
  if (!isAbsolute(place.path)) throw new SettingRefused('path', 'The path has to be absolute: it begins with “/”.');
  if (!isFolderName(place.folder)) throw new RangeError('not the name of a folder of ours');
  if (!isInstance(place.instance)) throw new RangeError('not the name of an instance');
  const found = await withFaults(() => unless(['ENOENT', 'ENOTDIR'], disk.stat(place.path), null));
  if (!found) {
    throw new ConnectionAway('There is no folder at this path. If it lies on a disk of its own, is that disk mounted?');
  }
  if (!found.isDirectory()) throw new SettingRefused('path', 'There is a file at this path, not a folder.');
  return new LocalVault(place, found.dev, disk);
}

function isInstance(name: string): boolean {
  return /^[a-z0-9-]{1,64}$/.test(name);
}

export class LocalVault implements StorageProvider {
  readonly traits = localTraits;
  private readonly layout: Layout;
  private readonly stage: string;
  private readonly flushed: FolderSync;
  private readonly folders: Folders;
  private staged = 0;
  private renamed: Promise<void> = Promise.resolve();

  constructor(
    private readonly place: LocalVaultPlace,
    private readonly device: number,
    private readonly disk: Disk,
  ) {
    this.layout = new Layout(join(place.path, place.folder));
    this.stage = this.layout.stagingOf(place.instance);
    this.flushed = new FolderSync(disk);
    this.folders = new Folders(disk, this.flushed);
  }

  async nameBlob({ signal }: CallOptions = {}): Promise<BlobName> {
    signal?.throwIfAborted();
    return newBlobName();
  }

  async put(name: BlobName, body: BlobBody, { signal }: CallOptions = {}): Promise<PutProof> {
    const path = this.layout.blob(name);
    const shelf = this.layout.shelfOf(name);
    return this.guarded(async () => {
      signal?.throwIfAborted();
      // Begun beside the write: a new shelf costs a flush of its own.
      const shelfReady = this.folders.ensure(shelf, this.layout.folder);
      shelfReady.catch(() => undefined);
      const claimed = await this.staging(async (temporary) => {
        await writeNewFile(this.disk, temporary, body, signal);
        await shelfReady;
        return this.claim(temporary, path);
      });
      if (!claimed) throw new BlobMismatch();
      await this.flushed.sync(shelf);
      return flushedProof;
    });
  }

  async *get(name: BlobName, range: ByteRange, options: GetOptions = {}): AsyncIterable<Buffer> {
    requireRange(range);
    const path = this.layout.blob(name);
    if (range.length === 0) return;
    options.signal?.throwIfAborted();
    const handle = await this.guarded(() => this.openBlob(path));
    try {
      const end = range.offset + range.length;
      for (let at = range.offset; at < end;) {
        options.signal?.throwIfAborted();
        const piece = Buffer.allocUnsafeSlow(Math.min(options.pieceLength ?? usualPiece, end - at));
        if ((await withFaults(() => readFill(handle, piece, at))) < piece.length) throw new BlobTruncated();
        at += piece.length;
        yield piece;
      }
    } finally {
      await handle.close();
    }
  }

  async stat(name: BlobName, { signal }: CallOptions = {}): Promise<BlobStat | null> {
    const path = this.layout.blob(name);
    return this.guarded(async () => {
      signal?.throwIfAborted();
      const found = await unless(['ENOENT', 'ENOTDIR'], this.disk.lstat(path), null);
      if (!found) await this.requireFolder();
      return found?.isFile() ? { length: found.size, checksum: null } : null;
    });
  }

  /**
   * The entry's end is not flushed: should a power cut bring the blob back, it is one that the database
   * knows as gone, and the next sweep meets it.
   */
  async delete(name: BlobName, { signal }: CallOptions = {}): Promise<void> {
    const path = this.layout.blob(name);
    await this.guarded(async () => {
      signal?.throwIfAborted();
      const gone = await unless(['ENOENT', 'ENOTDIR'], this.disk.unlink(path), 'absent');
      if (gone === 'absent') await this.requireFolder();
    });
  }

  async list(cursor?: string, { signal }: CallOptions = {}): Promise<BlobListing> {
    return this.guarded(async () => {
      signal?.throwIfAborted();
      await this.requireFolder();
      return listPage(this.disk, this.layout, cursor, signal);
    });
  }

  async space({ signal }: CallOptions = {}): Promise<Space> {
    return this.guarded(async () => {
      signal?.throwIfAborted();
      const { bsize, blocks, bfree, bavail } = await this.disk.statfs(this.place.path);
      return { total: blocks * bsize, used: (blocks - bfree) * bsize, free: bavail * bsize };
    });
  }

  async readMarker({ signal }: CallOptions = {}): Promise<Buffer | null> {
    return this.guarded(async () => {
      signal?.throwIfAborted();
      await this.requireSameDisk();
      const handle = await unless(['ENOENT'], this.disk.open(this.layout.marker, readFlags), null);
      if (!handle) return null;
      try {
        return await handle.readFile();
      } finally {
        await handle.close();
      }
    });
  }

  async writeMarker(marker: Buffer, { signal }: CallOptions = {}): Promise<void> {
    await this.guarded(async () => {
      signal?.throwIfAborted();
      await this.requireSameDisk();
      await this.folders.ensure(this.layout.folder, this.place.path);
      await this.staging(async (temporary) => {
        await writeNewFile(this.disk, temporary, { length: marker.length, pieces: () => [marker] }, signal);
        await this.disk.rename(temporary, this.layout.marker);
      });
      await this.flushed.sync(this.layout.folder);
    });
  }

  async removeFolder({ signal }: CallOptions = {}): Promise<void> {
    await this.guarded(async () => {
      signal?.throwIfAborted();
      await this.requireSameDisk();
      if (!(await this.folders.isFolder(this.layout.folder))) return;
      const { entries, nextCursor } = await listPage(this.disk, this.layout, undefined, signal);
      if (entries.length > 0 || nextCursor !== undefined) throw new FolderInUse();
      this.folders.forget();
      await this.removeEmpty();
    });
  }

  /** Openers that have, or once had, something half-written here: of those that are dead, `sweepTemporary` removes it. */
  async temporaryOwners(): Promise<string[]> {
    return this.guarded(async () => {
      const names = await unless(['ENOENT'], this.disk.readdir(this.layout.staging), []);
      return names.filter((name) => isInstance(name) && name !== this.place.instance);
    });
  }

  /**
   * Removes what these openers had half-written. Only the caller can know that they are dead, by their
   * leases in the database; the age of a file proves nothing, and this vault's own opener is never swept.
   */
  async sweepTemporary(dead: readonly string[]): Promise<number> {
    let swept = 0;
    for (const instance of dead) {
      if (!isInstance(instance) || instance === this.place.instance) continue;
      swept += await this.guarded(() => this.sweepStage(this.layout.stagingOf(instance)));
    }
    return swept;
  }

  async close(): Promise<void> {
    await this.disk.rmdir(this.stage).catch(() => undefined);
  }

  private async guarded<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (codeOf(error) === 'ENOENT') this.folders.forget();
      throw asFault(error);
    }
  }

  /** Gives `work` a fresh path to write at, and sees to it that nothing stays there. */
  private async staging<Result>(work: (temporary: string) => Promise<Result>): Promise<Result> {
    await this.folders.ensure(this.layout.staging, this.layout.folder);
    await this.folders.ensure(this.stage, this.layout.staging);
    const temporary = join(this.stage, String(this.staged++));
    try {
      return await work(temporary);
    } finally {
      await this.disk.unlink(temporary).catch(() => undefined);
    }
  }

  /** Gives the finished file its name, unless the name is taken: then says whether the same bytes lie there. */
  private async claim(temporary: string, path: string): Promise<boolean> {
    try {
      await this.disk.link(temporary, path);
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return sameBytes(this.disk, temporary, path);
      if (!noLinks.includes(codeOf(error) ?? '')) throw error;
    }
    const claimed = this.renamed.then(() => this.claimByRename(temporary, path));
    this.renamed = claimed.then(
      () => undefined,
      () => undefined,
    );
    return claimed;
  }

  /**
   * One at a time within this gateway. Another gateway could put the same name between the look and the
   * rename, but only as a retry of this very put: names are random.
   */
  private async claimByRename(temporary: string, path: string): Promise<boolean> {
    const found = await unless(['ENOENT'], this.disk.lstat(path), null);
    if (found) return sameBytes(this.disk, temporary, path);
    await this.disk.rename(temporary, path);
    return true;
  }

  private async openBlob(path: string) {
    const handle = await unless(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'], this.disk.open(path, readFlags), null);
    if (handle) return handle;
    await this.requireFolder();
    throw new BlobMissing();
  }

  /** A vault whose folder is not there is away, not empty: its disk may just not be mounted. */
  private async requireFolder(): Promise<void> {
    if (!(await this.folders.isFolder(this.layout.folder))) throw new ConnectionAway();
  }

  /** With its disk unmounted, the path still shows an empty folder of the disk beneath. */
  private async requireSameDisk(): Promise<void> {
    const { dev } = await this.disk.stat(this.place.path);
    if (dev !== this.device) throw new ConnectionAway('Another disk lies where this vault was.');
  }

  private async sweepStage(stage: string): Promise<number> {
    if (!(await this.folders.isFolder(stage))) return 0;
    const names = await this.disk.readdir(stage);
    for (const name of names) await unless(['ENOENT'], this.disk.unlink(join(stage, name)), undefined);
    await this.disk.rmdir(stage);
    return names.length;
  }

  private async removeEmpty(): Promise<void> {
    const { folder, marker, staging } = this.layout;
    const stages = await unless(['ENOENT'], this.disk.readdir(staging), []);
    for (const stage of stages) await this.removeIfEmpty(join(staging, stage));
    for (const name of await this.disk.readdir(folder)) {
      if (join(folder, name) !== marker) await this.removeIfEmpty(join(folder, name));
    }
    await unless(['ENOENT'], this.disk.unlink(marker), undefined);
    await this.removeIfEmpty(folder);
    await this.flushed.sync(this.place.path);
  }

  private async removeIfEmpty(path: string): Promise<void> {
    const done = await unless(['ENOTEMPTY', 'EEXIST', 'ENOTDIR'], this.disk.rmdir(path), 'in use');
    if (done === 'in use') throw new FolderInUse();
  }
}
