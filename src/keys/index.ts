export { KeysModule } from './keys.module.js';
export { RootKeyring } from './root-keys.js';
export { AccountKeyring, type AccountKeys, type ContentKeys, type NewContentKey } from './account-keyring.js';
export { KeyDestroyed, RootEpochMissing, RootKeyUnusable } from './errors.js';
