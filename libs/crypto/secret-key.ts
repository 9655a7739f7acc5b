import { inspect } from 'node:util';
import { random } from './randomness.js';

export const KEY_LENGTH = 32;
const REDACTED = '[secret key]';

/** 256 bits that refuse to be printed. Wiping is best effort: the runtime may have copied them. */
export class SecretKey {
  readonly #bytes: Buffer;
  #wiped = false;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  static random(): SecretKey {
    return new SecretKey(random(KEY_LENGTH));
  }

  /** Takes ownership: the caller must not use the bytes again; wiping the key wipes them. */
  static from(bytes: Uint8Array): SecretKey {
    if (bytes.length !== KEY_LENGTH) throw new RangeError('A key has 32 bytes.');
    return new SecretKey(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  /** The key itself, not a copy. */
  bytes(): Buffer {
    if (this.#wiped) throw new Error('The key was wiped.');
    return this.#bytes;
  }

  wipe(): void {
    this.#bytes.fill(0);
    this.#wiped = true;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
