import { FolderMissing } from './errors.js';
import type { CallOptions, StorageProvider } from './provider.js';
import type { Settings } from './providers/description.js';

/** What a provider can do that shows the folders of the connected account, so that a person can choose among them. */
export interface ListsFolders {
  /** The folders in this one, `root` being the top of what we may see. Throws FolderMissing. */
  folders(id: string, cursor?: string, options?: CallOptions): Promise<FolderPage>;
}

export interface FolderPage {
  readonly folders: readonly RemoteFolder[];
  readonly nextCursor?: string;
}

export interface RemoteFolder {
  /** The provider's own id, or a path: opaque to everybody else. */
  readonly id: string;
  readonly name: string;
  /** What goes into the form for our folder to be made in this one; where the form decides that. */
  readonly settings?: Settings;
}

/** The folder whose id is a path below the top, in slashes: empty for the top itself, otherwise without a slash at either end. */
export function folderId(path: string): string {
  return path === '' ? topFolder : Buffer.from(path).toString('base64url');
}

/** Undoes `folderId`. Throws FolderMissing for what it never made: nobody leaves the top by a trick. */
export function folderPath(id: string): string {
  if (id === topFolder) return '';
  const path = Buffer.from(id, 'base64url').toString();
  const names = path.split('/');
  const strange = names.some((name) => name === '' || name === '.' || name === '..' || /[\0\\]/.test(name));
  if (strange || folderId(path) !== id) throw new FolderMissing();
  return path;
}

const topFolder = 'root';

/** A page of what a provider tells all at once. */
export function pageOfFolders(all: readonly RemoteFolder[], cursor: string | undefined, most = 200): FolderPage {
  const sorted = all.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const rest = cursor === undefined ? sorted : sorted.filter(({ name }) => name > cursor);
  const folders = rest.slice(0, most);
  return rest.length > most ? { folders, nextCursor: folders.at(-1)!.name } : { folders };
}

export function listsFolders(provider: StorageProvider): provider is StorageProvider & ListsFolders {
  return 'folders' in provider;
}
