import { Module, type OnApplicationBootstrap } from '@nestjs/common';
import { AccountKeyring } from './account-keyring.js';
import { AddressKeyring } from './address-keyring.js';
import { CredentialKeyring } from './credential-keyring.js';
import { DestroyedKeys } from './destroyed-keys.js';
import { RootKeyring } from './root-keys.js';
import { RotateRoot } from './rotate-root.js';

/**
 * Keys: the root key from its file, account keys under it, content keys under those. Knows nothing
 * of files or clouds. No later room sees a root or an account key: they get content keys, and the
 * few derived keys that have a purpose of their own.
 */
@Module({
  providers: [RootKeyring, AccountKeyring, CredentialKeyring, AddressKeyring, DestroyedKeys, RotateRoot],
  exports: [RootKeyring, AccountKeyring, CredentialKeyring, AddressKeyring, RotateRoot],
})
export class KeysModule implements OnApplicationBootstrap {
  constructor(private readonly rotation: RotateRoot) {}

  /** A new epoch in the key file is a rotation that was asked for; it is finished before requests come. */
  async onApplicationBootstrap(): Promise<void> {
    await this.rotation.run();
  }
}
