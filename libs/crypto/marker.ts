import { Encoding, uuidFrom } from './encoding.js';
import { formatEncoding } from './format.js';
import { SealBroken } from './seal-broken.js';
import { openBytes, sealBytes } from './sealed-bytes.js';
import type { SecretKey } from './secret-key.js';

/** What lies in our folder on a connection, so that a gateway knows its own. */
export interface Marker {
  gateway: string;
  connection: string;
  /** The highest blob sequence that this gateway has used there. */
  sequence: number;
}

const MARKER_LENGTH = 40;

export function sealMarker(markerSeal: SecretKey, marker: Marker): Buffer {
  const plaintext = new Encoding().uuid(marker.gateway).uuid(marker.connection).u64(marker.sequence).finish();
  return sealBytes(markerSeal, plaintext, formatEncoding().finish());
}

/** Another gateway's marker is a broken seal, as a changed one is. */
export function openMarker(markerSeal: SecretKey, sealed: Uint8Array): Marker {
  const plaintext = openBytes(markerSeal, sealed, formatEncoding().finish());
  if (plaintext.length !== MARKER_LENGTH) throw new SealBroken();
  return {
    gateway: uuidFrom(plaintext.subarray(0, 16)),
    connection: uuidFrom(plaintext.subarray(16, 32)),
    sequence: Number(plaintext.readBigUInt64BE(32)),
  };
}
