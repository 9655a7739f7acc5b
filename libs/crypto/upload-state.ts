import { deriveKey } from './derivation.js';
import { formatEncoding, MESSAGE_ID_LENGTH } from './format.js';
import type { ManifestIds } from './manifest-layout.js';
import { random } from './randomness.js';
import { SealBroken } from './seal-broken.js';
import { openBytes, sealBytes } from './sealed-bytes.js';
import type { SecretKey } from './secret-key.js';

/**
 * What has to be known of an upload's plaintext to go on with it later (how far its hash has come), sealed under a key
 * that is derived afresh from the content's manifest key each time: random id ‖ nonce ‖ ciphertext ‖ tag.
 */
export function sealUploadState(manifestKey: SecretKey, ids: ManifestIds, plain: Uint8Array): Buffer {
  const id = random(MESSAGE_ID_LENGTH);
  const associated = associatedOf(ids);
  const key = deriveKey(manifestKey, 'upload/state', id, associated);
  const sealed = sealBytes(key, plain, associated);
  key.wipe();
  return Buffer.concat([id, sealed]);
}

export function openUploadState(manifestKey: SecretKey, ids: ManifestIds, sealed: Buffer): Buffer {
  if (sealed.length < MESSAGE_ID_LENGTH) throw new SealBroken();
  const associated = associatedOf(ids);
  const key = deriveKey(manifestKey, 'upload/state', sealed.subarray(0, MESSAGE_ID_LENGTH), associated);
  const plain = openBytes(key, sealed.subarray(MESSAGE_ID_LENGTH), associated);
  key.wipe();
  return plain;
}

function associatedOf({ account, content }: ManifestIds): Buffer {
  return formatEncoding().uuid(account).uuid(content).u8(3).finish();
}
