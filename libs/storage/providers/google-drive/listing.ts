import { ConnectionAway } from '../../errors.js';
import type { BlobListing, ListedBlob } from '../../provider.js';
import { type DriveApi, type DriveFile, folderType } from './drive-api.js';
import { isDriveId } from './drive-id.js';
import type { Home } from './home.js';

/** Where a listing stands: the folder that is being listed, its page, and the shelves that are still to come. */
interface Standing {
  readonly folder: string;
  readonly page: string | undefined;
  readonly shelves: readonly string[];
}

export const blobType = 'application/octet-stream';

/** Our folder first, then each shelf that was found in it. Drive's lists may be behind: upkeep looks twice, or by id. */
export class Listing {
  constructor(
    private readonly api: DriveApi,
    private readonly home: Home,
  ) {}

  async page(cursor: string | undefined, signal?: AbortSignal): Promise<BlobListing> {
    const { folder, page, shelves } = cursor === undefined ? await this.begin(signal) : readCursor(cursor);
    const found = await this.children(folder, page, signal);
    const atTop = folder === this.home.folder;
    const isShelf = ({ id, mimeType }: DriveFile): boolean => atTop && mimeType === folderType && isDriveId(id);
    const entries = found.files
      .filter((file) => !isShelf(file) && file.id !== this.home.marker)
      .map((file) => entryOf(file, atTop));
    const waiting = [...shelves, ...found.files.filter(isShelf).map(({ id }) => id)];
    const next = found.next === undefined ? nextShelf(waiting) : { folder, page: found.next, shelves: waiting };
    return { entries, ...(next && { nextCursor: Buffer.from(JSON.stringify(next)).toString('base64url') }) };
  }

  private async begin(signal?: AbortSignal): Promise<Standing> {
    await this.home.require(signal);
    return { folder: this.home.folder, page: undefined, shelves: [] };
  }

  private async children(
    folder: string,
    pageToken: string | undefined,
    signal?: AbortSignal,
  ): Promise<{ files: readonly DriveFile[]; next?: string }> {
    const query = `'${folder}' in parents and trashed = false`;
    const found = await this.api.search({ query, ...(pageToken !== undefined && { pageToken }) }, signal);
    if (found) return found;
    await this.home.require(signal);
    // A shelf that is gone has nothing on it.
    return { files: [] };
  }
}

function entryOf({ id, mimeType, size, md5Checksum }: DriveFile, atTop: boolean): ListedBlob {
  const foreign = atTop || !isDriveId(id) || mimeType !== blobType || size === undefined;
  const checksum = md5Checksum === undefined ? null : `md5:${md5Checksum}`;
  return { name: id, length: Number(size ?? 0), checksum, foreign };
}

function nextShelf([folder, ...shelves]: readonly string[]): Standing | undefined {
  return folder === undefined ? undefined : { folder, page: undefined, shelves };
}

/** A cursor comes back from whoever has kept it: nothing in it becomes part of a query unseen. */
function readCursor(cursor: string): Standing {
  try {
    const { folder, page, shelves } = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as Record<
      string,
      unknown
    >;
    if (!isDriveId(folder) || (page !== undefined && typeof page !== 'string')) throw new Error('no place');
    if (!Array.isArray(shelves) || !shelves.every(isDriveId)) throw new Error('no shelves');
    return { folder, page, shelves };
  } catch {
    throw new ConnectionAway('The listing has to be begun anew.');
  }
}
