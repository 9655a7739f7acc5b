import { createHash, randomBytes } from 'node:crypto';
import { DriveRefusal } from './answering.js';
import type { Grant } from './grants.js';
import type { GoogleWays } from './ways.js';

export const folderType = 'application/vnd.google-apps.folder';

export interface Item {
  readonly id: string;
  name: string;
  mimeType: string;
  parent: string;
  appProperties: Record<string, string>;
  /** Null: a folder. */
  bytes: Buffer | null;
  md5: string | null;
  sha1: string | null;
  sha256: string | null;
  explicitlyTrashed: boolean;
  readonly madeAt: number;
  modifiedAt: number;
  /** Not in lists and searches before. */
  listedAt: number;
  /** In which generation of the user's consent it was made; null: made by the user, not by the app. */
  readonly generation: number | null;
}

export interface Metadata {
  readonly id?: string;
  readonly name?: string;
  readonly mimeType?: string;
  readonly parents?: readonly string[];
  readonly appProperties?: Readonly<Record<string, string | null>>;
  readonly trashed?: boolean;
}

/** The Drive of one user, as the app sees it: only what it has made itself. */
export class Items {
  readonly all = new Map<string, Item>();
  readonly root = `0A${randomBytes(13).toString('base64url')}`.slice(0, 19);
  /** Handed out and not used. */
  readonly reserved = new Set<string>();
  /** Of what was deleted for good. */
  readonly spent = new Set<string>();

  constructor(
    private readonly ways: GoogleWays,
    private readonly now: () => number,
  ) {}

  generateIds(count: number): string[] {
    const ids = Array.from({ length: count }, () => `1${randomBytes(24).toString('base64url')}`);
    for (const id of ids) this.reserved.add(id);
    return ids;
  }

  /** Throws 404 for what is not there and for what the app may not see: nobody can tell them apart. */
  find(id: string, grant: Grant): Item {
    const item = this.all.get(id);
    if (!item || !this.sees(item, grant)) throw new DriveRefusal(404, 'notFound', `File not found: ${id}.`);
    return item;
  }

  sees(item: Item, { generation }: Grant): boolean {
    return item.generation !== null && (item.generation === generation || !this.ways.losesFilesWithConsent);
  }

  /** Before anything is sent, and again when it is there. */
  checkNew({ id, parents }: Metadata, grant: Grant): string {
    if (id !== undefined) {
      if (this.all.has(id) || (this.spent.has(id) && !this.ways.takesSpentIds))
        throw new DriveRefusal(409, 'fileIdInUse', 'A file already exists with the provided ID.');
      if (!this.reserved.has(id) && !this.spent.has(id))
        throw new DriveRefusal(400, 'invalid', 'The provided file ID is not usable.');
    }
    if (parents !== undefined && parents.length !== 1)
      throw new DriveRefusal(403, 'cannotAddParent', 'A file cannot be added to more than one folder.');
    const parent = parents?.[0] ?? this.root;
    if (parent === 'root' || parent === this.root) return this.root;
    if (this.find(parent, grant).bytes !== null)
      throw new DriveRefusal(403, 'parentNotAFolder', 'The specified parent is not a folder.');
    const children = [...this.all.values()].filter((item) => item.parent === parent).length;
    if (children >= this.ways.mostChildren)
      throw new DriveRefusal(403, 'numChildrenInNonRootLimitExceeded', 'The limit for this folder is exceeded.');
    return parent;
  }

  make(metadata: Metadata, bytes: Buffer | null, grant: Grant | null): Item {
    const parent = grant ? this.checkNew(metadata, grant) : (metadata.parents?.[0] ?? this.root);
    if (bytes) this.checkRoom(bytes.length);
    const id = metadata.id ?? this.generateIds(1)[0]!;
    this.reserved.delete(id);
    const item: Item = {
      id,
      name: metadata.name ?? 'Untitled',
      mimeType: metadata.mimeType ?? 'application/octet-stream',
      parent,
      appProperties: {},
      bytes: null,
      md5: null,
      sha1: null,
      sha256: null,
      explicitlyTrashed: false,
      madeAt: this.now(),
      modifiedAt: this.now(),
      listedAt: this.now() + this.ways.listLagMs,
      generation: grant?.generation ?? null,
    };
    this.all.set(id, item);
    this.change(item, metadata, bytes);
    return item;
  }

  change(item: Item, { name, mimeType, appProperties = {}, trashed }: Metadata, bytes: Buffer | null): void {
    item.name = name ?? item.name;
    item.mimeType = mimeType ?? item.mimeType;
    for (const [key, value] of Object.entries(appProperties)) {
      if (value === null) delete item.appProperties[key];
      else item.appProperties[key] = value;
    }
    if (trashed !== undefined) item.explicitlyTrashed = trashed;
    if (bytes) {
      this.checkRoom(bytes.length - (item.bytes?.length ?? 0));
      const digest = (kind: string): string => createHash(kind).update(bytes).digest('hex');
      Object.assign(item, { bytes, md5: digest('md5'), sha1: digest('sha1'), sha256: digest('sha256') });
    }
    item.modifiedAt = this.now();
  }

  move(item: Item, to: string, from: readonly string[], grant: Grant): void {
    if (!from.includes(item.parent))
      throw new DriveRefusal(403, 'cannotAddParent', 'A file cannot be added to more than one folder.');
    item.parent = this.find(to, grant).id;
  }

  /** For good, with all that lies in it, whoever made it. */
  delete(item: Item): void {
    for (const child of [...this.all.values()]) if (child.parent === item.id) this.delete(child);
    this.all.delete(item.id);
    this.spent.add(item.id);
  }

  trashed(item: Item): boolean {
    if (item.explicitlyTrashed) return true;
    const parent = this.all.get(item.parent);
    return parent !== undefined && this.trashed(parent);
  }

  get used(): number {
    let sum = 0;
    for (const { bytes } of this.all.values()) sum += bytes?.length ?? 0;
    return sum;
  }

  private checkRoom(more: number): void {
    if (this.ways.storageBytes !== null && this.used + more > this.ways.storageBytes) {
      throw new DriveRefusal(403, 'storageQuotaExceeded', "The user's Drive storage quota has been exceeded.");
    }
  }
}
