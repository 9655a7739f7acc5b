import { isBlobName } from '../../blob-name.js';
import { ConnectionAway, FolderInUse } from '../../errors.js';
import type { BlobListing, ListedBlob } from '../../provider.js';
import type { Graph } from './graph.js';
import { type DriveItem, itemFields, type ItemPage, readPage } from './items.js';
import { byId, isShelf, markerName, type OurFolder, type Place } from './our-folder.js';
import { checksumOf } from './uploads.js';

/** A page ends with the request that fills it, or after so few requests that it is soon asked for again when one fails. */
const enough = 1000;
const requestsInPage = 8;
const childrenAtOnce = '1000';
const mostShelfPages = 200;

interface Shelf {
  readonly id: string;
  readonly name: string;
}

/** Shelf by shelf. The cursor is a shelf, and within it the link to the page that comes next. */
export class Listing {
  /** Read anew with each first page. */
  private shelves: readonly Shelf[] | null = null;

  constructor(
    private readonly graph: Graph,
    private readonly folder: OurFolder,
  ) {}

  async page(cursor: string | undefined, signal?: AbortSignal): Promise<BlobListing> {
    const entries: ListedBlob[] = [];
    if (cursor === undefined || this.shelves === null) {
      const found = await this.top(signal);
      this.shelves = found.filter(isShelf).toSorted((one, other) => (one.name < other.name ? -1 : 1));
      if (cursor === undefined) entries.push(...found.filter(isStranger).map((item) => foreign(item, item.name)));
    }
    const [from, link] = readCursor(cursor);
    let requests = 0;
    for (const shelf of this.shelves.filter(({ name }) => name >= from)) {
      let next = shelf.name === from ? link : null;
      do {
        if (requests >= requestsInPage || entries.length >= enough)
          return { entries, nextCursor: cursorAt(shelf.name, next) };
        const page = await this.childrenOf(shelf.id, next, signal);
        requests += 1;
        entries.push(...page.items.map((item) => listed(shelf.name, item)));
        next = page.nextLink;
      } while (next !== null);
    }
    return { entries };
  }

  /** Throws FolderInUse while anything but the marker and empty shelves is in our folder. */
  async requireEmpty({ id }: Place, signal?: AbortSignal): Promise<void> {
    for (const item of await this.all(id, signal)) {
      if (isStranger(item)) throw new FolderInUse();
      if (!isShelf(item) || item.childCount === 0) continue;
      const { items } = await this.childrenOf(item.id, null, signal);
      if (items.length > 0) throw new FolderInUse();
    }
  }

  private async top(signal?: AbortSignal): Promise<DriveItem[]> {
    const { id } = await this.folder.place(signal);
    try {
      return await this.all(id, signal);
    } catch (error) {
      const now = error instanceof Gone ? await this.folder.again(signal) : null;
      if (now === null || now.id === id) throw error;
      return this.all(now.id, signal);
    }
  }

  private async all(id: string, signal?: AbortSignal): Promise<DriveItem[]> {
    const items: DriveItem[] = [];
    let next: string | null = null;
    for (let pages = 0; pages < mostShelfPages; pages += 1) {
      const page: ItemPage = await this.childrenOf(id, next, signal, true);
      items.push(...page.items);
      next = page.nextLink;
      if (next === null) return items;
    }
    throw new ConnectionAway('Our folder holds more than can be meant.');
  }

  /** A shelf that is gone since the folder was read has nothing in it; a folder that is gone is another matter. */
  private async childrenOf(id: string, next: string | null, signal?: AbortSignal, required = false): Promise<ItemPage> {
    const accept = [404];
    const query = { $top: childrenAtOnce, $select: itemFields };
    const told =
      next === null
        ? await this.graph.list(`${byId(id)}/children`, query, { accept, signal })
        : await this.graph.list(next, {}, { accept, signal });
    if (told.status === 404 && required) throw new Gone();
    if (told.status === 404) return { items: [], nextLink: null };
    const page = readPage(told.json);
    return { items: page.items, nextLink: page.nextLink === null ? null : this.graph.nextPath(page.nextLink) };
  }
}

class Gone extends ConnectionAway {
  constructor() {
    super('Our folder is not in this OneDrive.');
  }
}

function readCursor(cursor: string | undefined): [from: string, link: string | null] {
  const [, from = '', link = ''] = /^([a-z2-7]{2})(\/.*)?$/.exec(cursor ?? '') ?? [];
  return [from, link === '' ? null : link];
}

function cursorAt(shelf: string, next: string | null): string {
  return shelf + (next ?? '');
}

function isStranger(item: DriveItem): boolean {
  return !isShelf(item) && (item.isFolder || item.name !== markerName);
}

function listed(shelf: string, item: DriveItem): ListedBlob {
  const { name, size, isFolder, quickXorHash } = item;
  if (!isBlobName(name) || !name.startsWith(shelf) || isFolder || size === null)
    return foreign(item, `${shelf}/${name}`);
  return { name, length: size, checksum: quickXorHash && checksumOf(quickXorHash), foreign: false };
}

function foreign({ size }: DriveItem, name: string): ListedBlob {
  return { name, length: size ?? 0, checksum: null, foreign: true };
}
