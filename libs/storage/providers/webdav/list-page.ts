import { isBlobName } from '../../blob-name.js';
import { ConnectionAway, FolderInUse } from '../../errors.js';
import type { BlobListing, ListedBlob } from '../../provider.js';
import type { DavClient } from './dav-client.js';
import { isShelfName, type Layout, markerName, nextMarkerName, stagingName } from './layout.js';
import { nameOf, type Resource } from './multistatus.js';

/** A page ends with the shelves that fill it, or after so few that it is soon asked for again when one request fails. */
const pageLength = 1000;
const shelvesInPage = 8;
const looksAtOnce = 4;

/** Lists shelf by shelf; the cursor is the last shelf that was given. */
export class Listing {
  /** Read anew with each first page: a folder of a thousand shelves is too long to be read for every page. */
  private shelves: readonly string[] | null = null;

  constructor(
    private readonly dav: DavClient,
    private readonly layout: Layout,
  ) {}

  async page(cursor: string | undefined, signal?: AbortSignal): Promise<BlobListing> {
    const entries: ListedBlob[] = [];
    if (cursor === undefined || this.shelves === null) {
      const found = await this.dav.children(this.layout.folder, signal);
      if (found === null) throw new ConnectionAway();
      this.shelves = found.filter(isShelf).map(nameOf).sort();
      if (cursor === undefined) entries.push(...found.filter(isStranger).map((each) => foreign(each, nameOf(each))));
    }
    const rest = this.shelves.filter((shelf) => cursor === undefined || shelf > cursor);
    for (let at = 0; at < rest.length;) {
      const few = rest.slice(at, at + looksAtOnce);
      const found = await Promise.all(few.map((shelf) => this.shelf(shelf, signal)));
      entries.push(...found.flat());
      at += few.length;
      if (at < rest.length && (entries.length >= pageLength || at >= shelvesInPage)) {
        return { entries, nextCursor: few.at(-1) };
      }
    }
    return { entries };
  }

  /** The paths of all shelves, or null without a folder. Throws FolderInUse where anything else is in it. */
  async shelvesOnly(signal?: AbortSignal): Promise<string[] | null> {
    const found = await this.dav.children(this.layout.folder, signal);
    if (found?.some(isStranger)) throw new FolderInUse();
    return found && found.filter(isShelf).map((resource) => this.layout.shelf(nameOf(resource)));
  }

  private async shelf(shelf: string, signal?: AbortSignal): Promise<ListedBlob[]> {
    // Gone since the folder was read: nothing lies in it.
    const found = (await this.dav.children(this.layout.shelf(shelf), signal)) ?? [];
    return found.map((resource) => {
      const name = nameOf(resource);
      const ours = isBlobName(name) && name.startsWith(shelf) && !resource.folder && resource.length !== null;
      return ours
        ? { name, length: resource.length ?? 0, checksum: null, foreign: false }
        : foreign(resource, `${shelf}/${name}`);
    });
  }
}

function isShelf(resource: Resource): boolean {
  return resource.folder && isShelfName(nameOf(resource));
}

function isStranger(resource: Resource): boolean {
  return !isShelf(resource) && ![markerName, nextMarkerName, stagingName].includes(nameOf(resource));
}

function foreign({ length }: Resource, name: string): ListedBlob {
  return { name, length: length ?? 0, checksum: null, foreign: true };
}
