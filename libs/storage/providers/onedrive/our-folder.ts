import { ConnectionAway } from '../../errors.js';
import { requireBlobName } from '../../blob-name.js';
import type { Graph } from './graph.js';
import { faultOf, WiderConsentNeeded } from './graph-faults.js';
import { waitFor } from './wait-for.js';
import { type DriveItem, itemFields, NotUnderstood, readItem } from './items.js';

export const markerName = 'marker';

/** Our own folder within the application's one. */
export interface Place {
  readonly id: string;
  readonly driveId: string;
  /** Whether what is deleted can be destroyed: a firm's drive can, a personal one cannot. */
  readonly personal: boolean;
}

interface AppFolder extends Omit<Place, 'personal'> {
  readonly driveType: string;
}

/**
 * Where things lie:
 *
 *     Apps/TESSERA/FOLDER/marker        sealed by the gateway
 *     Apps/TESSERA/FOLDER/ab/abcdef…    blobs, by the first two characters of their names: at most 1,024 shelves
 *
 * Listings of a folder begin to fail somewhere above 50,000 children, hence the shelves. Everything is addressed from
 * the id of our folder, which a renamed or moved application's folder keeps; a folder that is gone answers 404 instead
 * of being made anew in passing.
 */
export class OurFolder {
  private known: Promise<Place | null> | null = null;
  private readonly shelves = new Map<string, Promise<void>>();

  constructor(
    private readonly graph: Graph,
    private readonly name: string,
  ) {}

  /** Throws ConnectionAway where there is no such folder. */
  async place(signal?: AbortSignal): Promise<Place> {
    const place = await this.find(signal);
    if (!place) throw new FolderAway();
    return place;
  }

  /** Looked for once, for all who ask; what was not found is looked for again. */
  async find(signal?: AbortSignal): Promise<Place | null> {
    signal?.throwIfAborted();
    const looking = (this.known ??= this.look());
    const looked = looking.catch((error: unknown) => {
      this.forgetIf(looking);
      throw error;
    });
    const place = await waitFor(looked, signal);
    if (!place) this.forgetIf(looking);
    return place;
  }

  async make(signal?: AbortSignal): Promise<Place> {
    const there = await this.find(signal);
    if (there) return there;
    const app = await this.appFolder();
    await this.makeFolder(app.id, this.name);
    this.known = null;
    return this.place(signal);
  }

  /** After an answer that says that something of it is not there: looked for anew, and null when it is indeed gone. */
  async again(signal?: AbortSignal): Promise<Place | null> {
    this.forget();
    return this.find(signal);
  }

  forget(): void {
    this.known = null;
    this.shelves.clear();
  }

  /** Made once, however many want it at the same time. Not bound to one caller's signal: others may wait for it. */
  async ensureShelf(place: Place, blob: string, signal?: AbortSignal): Promise<void> {
    const shelf = shelfOf(blob);
    const making = this.shelves.get(shelf) ?? this.makeFolder(place.id, shelf);
    this.shelves.set(shelf, making);
    const made = making.catch((error: unknown) => {
      if (this.shelves.get(shelf) === making) this.shelves.delete(shelf);
      throw error;
    });
    await waitFor(made, signal);
  }

  private forgetIf(looking: Promise<Place | null>): void {
    if (this.known === looking) this.known = null;
  }

  private async look(): Promise<Place | null> {
    const app = await this.appFolder();
    const told = await this.graph.get(`${byId(app.id)}:/${this.name}`, { $select: itemFields }, { accept: [404] });
    if (told.status === 404) return null;
    const { id, isFolder } = readItem(told.json);
    return isFolder ? { id, driveId: app.driveId, personal: app.driveType === 'personal' } : null;
  }

  /**
   * Asked for by a GET before anything else: that is what makes it, and what shows whether the narrow permission works
   * for this account.
   */
  private async appFolder(): Promise<AppFolder> {
    const path = '/me/drive/special/approot';
    const told = await this.graph.get(path, { $select: 'id,parentReference' }, { accept: [403] });
    if (told.status === 403) throw new WiderConsentNeeded({ cause: faultOf(told) });
    const { id, driveId, driveType } = readItem(told.json);
    if (driveId === null) throw new NotUnderstood();
    return { id, driveId, driveType: driveType ?? 'personal' };
  }

  private async makeFolder(parentId: string, name: string): Promise<void> {
    const wish = { name, folder: {}, '@microsoft.graph.conflictBehavior': 'fail' };
    const told = await this.graph.post(`${byId(parentId)}/children`, wish, { accept: [404, 409] });
    if (told.status === 404) {
      this.forget();
      throw new FolderAway();
    }
  }
}

class FolderAway extends ConnectionAway {
  constructor() {
    super('Our folder is not in this OneDrive.');
  }
}

export function byId(id: string): string {
  return `/me/drive/items/${encodeURIComponent(id)}`;
}

export function pathOf({ id }: Place, name: string, verb = ''): string {
  return `${byId(id)}:/${name}${verb === '' ? '' : `:/${verb}`}`;
}

export function blobPath(place: Place, name: string, verb = ''): string {
  return pathOf(place, `${shelfOf(name)}/${name}`, verb);
}

export function isShelf({ isFolder, name }: DriveItem): boolean {
  return isFolder && /^[a-z2-7]{2}$/.test(name);
}

function shelfOf(blob: string): string {
  return requireBlobName(blob).slice(0, 2);
}
