export { AddressKeyring } from './address-keyring.js';
export { CredentialKeyring, type SealedCredentials } from './credential-keyring.js';
export { RotateRoot } from './rotate-root.js';
export { KeysModule } from './keys.module.js';
export { RootKeyring } from './root-keys.js';
export { AccountKeyring, type AccountKeys, type ContentKeys, type NewContentKey } from './account-keyring.js';
export { KeyDestroyed, RootEpochMissing } from './errors.js';
export { rootKeysIn } from './root-keys.js';
