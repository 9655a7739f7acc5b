import { TAG_LENGTH, XCHACHA_NONCE_LENGTH, xchachaOpen, xchachaSeal } from './primitives.js';
import { random } from './randomness.js';
import { SealBroken } from './seal-broken.js';
import type { SecretKey } from './secret-key.js';

export const SEALED_BYTES_OVERHEAD = XCHACHA_NONCE_LENGTH + TAG_LENGTH;

/** XChaCha20-Poly1305: fresh nonce ‖ ciphertext ‖ tag. What is `associated` must be given again to open. */
export function sealBytes(key: SecretKey, plaintext: Uint8Array, associated: Uint8Array): Buffer {
  const nonce = random(XCHACHA_NONCE_LENGTH);
  const { ciphertext, tag } = xchachaSeal(key.bytes(), nonce, plaintext, associated);
  return Buffer.concat([nonce, ciphertext, tag]);
}

export function openBytes(key: SecretKey, sealed: Uint8Array, associated: Uint8Array): Buffer {
  if (sealed.length < SEALED_BYTES_OVERHEAD) throw new SealBroken();
  const nonce = sealed.subarray(0, XCHACHA_NONCE_LENGTH);
  const tagAt = sealed.length - TAG_LENGTH;
  const ciphertext = sealed.subarray(XCHACHA_NONCE_LENGTH, tagAt);
  return xchachaOpen(key.bytes(), nonce, ciphertext, sealed.subarray(tagAt), associated);
}
