import type { CallOptions, StorageProvider } from './provider.js';

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
}

export function listsFolders(provider: StorageProvider): provider is StorageProvider & ListsFolders {
  return 'folders' in provider;
}
