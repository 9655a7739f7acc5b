import { createCipheriv, createDecipheriv, hkdfSync, type CipherGCM } from 'node:crypto';
import sodium from 'libsodium-wrappers';
import { KEY_LENGTH } from './secret-key.js';
import { SealBroken } from './seal-broken.js';

export const TAG_LENGTH = 16;
export const GCM_NONCE_LENGTH = 12;
export const XCHACHA_NONCE_LENGTH = 24;
const HKDF_LONGEST = 255 * 64;

let loaded = false;

/** libsodium is usable from here on; what needs it throws before. */
export const ready: Promise<void> = sodium.ready.then(() => {
  loaded = true;
});

export interface Sealed {
  ciphertext: Buffer;
  tag: Buffer;
}

const NOTHING = Buffer.alloc(0);

/** AES-256-GCM as it runs, for what is sealed piece by piece. */
export function aesGcmCipher(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array = NOTHING): CipherGCM {
  fit(key, nonce, GCM_NONCE_LENGTH);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_LENGTH });
  if (associated.length > 0) cipher.setAAD(associated);
  return cipher;
}

export function aesGcmSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Sealed {
  const cipher = aesGcmCipher(key, nonce, associated);
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return { ciphertext, tag: cipher.getAuthTag() };
}

/** Hands out nothing before the tag was checked. */
export function aesGcmOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
  tag: Uint8Array,
  associated: Uint8Array,
): Buffer {
  if (!fits(key, nonce, GCM_NONCE_LENGTH) || tag.length !== TAG_LENGTH) throw new SealBroken();
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_LENGTH });
  decipher.setAuthTag(tag);
  if (associated.length > 0) decipher.setAAD(associated);
  const plaintext = decipher.update(ciphertext);
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    throw new SealBroken();
  }
  return plaintext;
}

export function xchachaSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Sealed {
  mustBeLoaded();
  fit(key, nonce, XCHACHA_NONCE_LENGTH);
  const sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt_detached(plaintext, associated, null, nonce, key);
  return { ciphertext: view(sealed.ciphertext), tag: view(sealed.mac) };
}

export function xchachaOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
  tag: Uint8Array,
  associated: Uint8Array,
): Buffer {
  mustBeLoaded();
  if (!fits(key, nonce, XCHACHA_NONCE_LENGTH) || tag.length !== TAG_LENGTH) throw new SealBroken();
  try {
    return view(
      sodium.crypto_aead_xchacha20poly1305_ietf_decrypt_detached(null, ciphertext, tag, associated, nonce, key),
    );
  } catch {
    throw new SealBroken();
  }
}

export function hkdfSha512(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Buffer {
  if (!Number.isSafeInteger(length) || length < 1 || length > HKDF_LONGEST) {
    throw new RangeError(`HKDF-SHA-512 gives 1 to ${HKDF_LONGEST} bytes.`);
  }
  return Buffer.from(hkdfSync('sha512', key, salt, info, length));
}

function fits(key: Uint8Array, nonce: Uint8Array, nonceLength: number): boolean {
  return key.length === KEY_LENGTH && nonce.length === nonceLength;
}

function fit(key: Uint8Array, nonce: Uint8Array, nonceLength: number): void {
  if (!fits(key, nonce, nonceLength)) throw new RangeError(`A key has 32 bytes, this nonce ${nonceLength}.`);
}

function mustBeLoaded(): void {
  if (!loaded) throw new Error('Wait for `ready` before sealing or opening.');
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
