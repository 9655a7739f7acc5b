export { isBlobName, newBlobName } from './blob-name.js';
export * from './errors.js';
export { isFolderName, newFolderName } from './folder-name.js';
export type * from './provider.js';
export { deviceOf, LocalVault, type LocalVaultPlace, openLocalVault } from './providers/local/index.js';
