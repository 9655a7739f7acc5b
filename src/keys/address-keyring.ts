import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RootEpochMissing } from './errors.js';
import { RootKeyring } from './root-keys.js';

/** A payload, and the proof that this installation wrote it. */
export interface Signed {
  readonly epoch: number;
  readonly mac: Buffer;
}

/**
 * Signs addresses that work without any other credential, by a key that is derived from the root key for this purpose alone.
 * Without a key nothing is signed and nothing is believed: a signature under an epoch that is not there is a wrong one.
 */
@Injectable()
export class AddressKeyring {
  constructor(private readonly roots: RootKeyring) {}

  /** Throws RootEpochMissing where there is no key. */
  sign(payload: Buffer): Signed {
    const epoch = this.roots.currentEpoch;
    return { epoch, mac: this.#mac(epoch, payload) };
  }

  isOurs(payload: Buffer, { epoch, mac }: Signed): boolean {
    try {
      const right = this.#mac(epoch, payload);
      return mac.length === right.length && timingSafeEqual(mac, right);
    } catch (error) {
      if (error instanceof RootEpochMissing) return false;
      throw error;
    }
  }

  #mac(epoch: number, payload: Buffer): Buffer {
    return createHmac('sha256', this.roots.epoch(epoch).uploadAddress.bytes()).update(payload).digest();
  }
}
