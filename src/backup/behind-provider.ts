import { randomUUID } from 'node:crypto';
import { openMarker, type RootEpoch } from '#crypto';
import {
  type BlobName,
  findProvider,
  folderId,
  isFolderName,
  listsFolders,
  newFolderName,
  type OutboundRules,
  type ProviderDescription,
  readSettings,
  retrying,
  type Settings,
  type StorageProvider,
} from '#storage';
import { ConnectionFileUnfit, NoFolderOfOurs } from './errors.js';
import { FolderOnDisk } from './folder-on-disk.js';
import type { HeadPiece } from './head.js';
import type { BlobPlace, PlaceEntry } from './look-through.js';

const STEP = 256 * 1024;

export interface TypedPlace {
  /** What the file says: the provider, and what its form asks for. */
  readonly typed: Readonly<Record<string, unknown>>;
  readonly keys: readonly RootEpoch[];
  readonly outbound: OutboundRules;
}

export interface OpenedPlaces extends AsyncDisposable {
  readonly places: readonly BlobPlace[];
}

/**
 * Opens every folder of ours that lies at a place, with what somebody typed: what it is called was in the database. It is
 * known by the shape of its name, and told from another gateway's by its marker.
 */
export async function openPlaces({ typed, keys, outbound }: TypedPlace): Promise<OpenedPlaces> {
  const { description, settings, folder } = readTyped(typed);
  if (description.id === 'local') {
    return { places: [new FolderOnDisk(settings['path']!)], [Symbol.asyncDispose]: async () => {} };
  }
  const opened: StorageProvider[] = [];
  const open = async (name: string): Promise<StorageProvider> => {
    const provider = await description.open({ settings, folder: name, instance: randomUUID(), outbound });
    opened.push(provider);
    return retrying(provider);
  };
  const close = async (): Promise<void> => void (await Promise.allSettled(opened.map((one) => one.close())));
  try {
    const names = folder ? [folder] : await foldersAt(description, settings, outbound);
    const places: BlobPlace[] = [];
    for (const name of names) {
      const provider = await open(name);
      if (await isOurs(provider, keys))
        places.push(new BehindProvider(`${description.title}, folder ${name}`, provider));
    }
    if (places.length === 0) throw new NoFolderOfOurs(names.length);
    return { places, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function readTyped(typed: TypedPlace['typed']): {
  description: ProviderDescription;
  settings: Settings;
  folder: string | undefined;
} {
  const { provider, folder, label: _label, house: _house, domain: _domain, ...fields } = typed;
  const description = typeof provider === 'string' ? findProvider(provider) : undefined;
  if (!description) throw new ConnectionFileUnfit('Its “provider” has to be one of: local, webdav, s3.');
  if (description.oauth) {
    throw new ConnectionFileUnfit(
      `${description.title} is connected by consent, which was in the lost database. Download the folder of Tessera from there, and use --from-folder.`,
    );
  }
  if (folder !== undefined && !isFolderName(folder)) {
    throw new ConnectionFileUnfit('Its “folder”, where it has one, is the name of our folder there: 32 characters.');
  }
  return { description, settings: readSettings(description.fields, fields), folder };
}

/** What may be folders of ours, where they are made. */
async function foldersAt(
  description: ProviderDescription,
  settings: Settings,
  outbound: OutboundRules,
): Promise<string[]> {
  const provider = await description.open({ settings, folder: newFolderName(), instance: randomUUID(), outbound });
  try {
    if (!listsFolders(provider)) throw new ConnectionFileUnfit('Its “folder” has to be said for this provider.');
    const above = folderId((settings['prefix'] ?? '').replaceAll(/^\/+|\/+$/g, ''));
    const names: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await provider.folders(above, cursor);
      names.push(...page.folders.map(({ name }) => name).filter(isFolderName));
      cursor = page.nextCursor;
      if (cursor === undefined) return names;
    }
  } finally {
    await provider.close();
  }
}

/** A folder whose marker was lost may be ours; the names of what lies there tell. */
async function isOurs(provider: StorageProvider, keys: readonly RootEpoch[]): Promise<boolean> {
  const marker = await provider.readMarker();
  return marker === null || keys.some(({ keys: { markerSeal } }) => opens(() => openMarker(markerSeal, marker)));
}

function opens(open: () => unknown): boolean {
  try {
    open();
    return true;
  } catch {
    return false;
  }
}

class BehindProvider implements BlobPlace {
  constructor(
    readonly where: string,
    private readonly provider: StorageProvider,
  ) {}

  async *entries(): AsyncGenerator<PlaceEntry> {
    for (let cursor: string | undefined; ;) {
      const page = await this.provider.list(cursor);
      for (const { name, length, foreign } of page.entries) {
        if (!foreign) yield { name, length, read: () => this.get(name, length) };
      }
      cursor = page.nextCursor;
      if (cursor === undefined) return;
    }
  }

  async find(): Promise<void> {}

  read({ name, bytes }: HeadPiece): AsyncIterable<Buffer> {
    return this.get(name, bytes);
  }

  private get(name: string, length: number): AsyncIterable<Buffer> {
    return this.provider.get(name as BlobName, { offset: 0, length }, { pieceLength: STEP });
  }
}
