import type { ProviderDescription } from './description.js';
import { googleDrive } from './google-drive/index.js';
import { local } from './local/index.js';
import { onedrive } from './onedrive/index.js';
import { s3 } from './s3/index.js';
import { webdav } from './webdav/index.js';

/** Every kind of storage there is. A new one is a folder beside this file, and a line here. */
export const providers: readonly ProviderDescription[] = [googleDrive, local, onedrive, s3, webdav];

export function findProvider(id: string): ProviderDescription | undefined {
  return providers.find((provider) => provider.id === id);
}
