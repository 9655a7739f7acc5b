import { Injectable } from '@nestjs/common';
import { fieldContext, openBytes, sealBytes, SecretKey, unwrapKey, wrapKey, type WrapContext } from '#crypto';
import { RootKeyring } from './root-keys.js';

/** Credentials as they lie in their row: sealed under a key of their own, which is wrapped under a root epoch. */
export interface SealedCredentials {
  readonly sealed: Buffer;
  readonly wrappedKey: Buffer;
  readonly epoch: number;
}

/** Whose they are (null: the house's), and of which connection. Neither can be exchanged without breaking the seal. */
export interface CredentialPlace {
  readonly account: string | null;
  readonly connection: string;
}

/** Seals what a connection signs in with. A connection has one such key at a time, so its id names the key as well. */
@Injectable()
export class CredentialKeyring {
  constructor(private readonly roots: RootKeyring) {}

  seal(place: CredentialPlace, plaintext: Buffer): SealedCredentials {
    const epoch = this.roots.currentEpoch;
    const key = SecretKey.random();
    const sealed = sealBytes(key, plaintext, associated(place));
    const wrappedKey = wrapKey(this.roots.current.credentialWrap, key, keyContext(place, epoch));
    key.wipe();
    return { sealed, wrappedKey, epoch };
  }

  open(place: CredentialPlace, credentials: SealedCredentials): Buffer {
    const key = this.unwrap(place, credentials);
    const plaintext = openBytes(key, credentials.sealed, associated(place));
    key.wipe();
    return plaintext;
  }

  /** The same credentials under the current root epoch: only the wrapping changes. */
  rewrap(place: CredentialPlace, credentials: SealedCredentials): SealedCredentials {
    const epoch = this.roots.currentEpoch;
    const key = this.unwrap(place, credentials);
    const wrappedKey = wrapKey(this.roots.current.credentialWrap, key, keyContext(place, epoch));
    key.wipe();
    return { sealed: credentials.sealed, wrappedKey, epoch };
  }

  private unwrap(place: CredentialPlace, { wrappedKey, epoch }: SealedCredentials): SecretKey {
    return unwrapKey(this.roots.epoch(epoch).credentialWrap, wrappedKey, keyContext(place, epoch));
  }
}

function associated({ account, connection }: CredentialPlace): Buffer {
  return fieldContext({ field: 'credential', account, subject: connection, keyId: connection });
}

function keyContext({ account, connection }: CredentialPlace, epoch: number): WrapContext {
  return { purpose: 'credential-key', account, content: null, chunk: null, keyId: connection, wrapper: null, epoch };
}
