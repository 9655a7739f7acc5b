import { createHmac, timingSafeEqual } from 'node:crypto';
import { derive, deriveKey } from './derivation.js';
import { DIGEST_LENGTH } from './format.js';
import { SealBroken } from './seal-broken.js';
import { openBytes, sealBytes, SEALED_BYTES_OVERHEAD } from './sealed-bytes.js';
import type { SecretKey } from './secret-key.js';

const SEALED_DIGEST_LENGTH = DIGEST_LENGTH + SEALED_BYTES_OVERHEAD;

/** What a row tells of a content; a row of one kind never passes for one of another. */
export type RowKind = 'version' | 'preview';

export interface SealedRow {
  readonly mac: Buffer;
  readonly sealedSha256: Buffer;
}

interface Unproved {
  readonly mac: Uint8Array;
  readonly sealedSha256: Uint8Array;
}

/** The digest is sealed, not stored plainly: a stolen dump must not confirm that somebody has a known file. */
export function sealRow(tree: SecretKey, kind: RowKind, encoded: Buffer, sha256: Buffer): SealedRow {
  if (sha256.length !== DIGEST_LENGTH) throw new RangeError('A SHA-256 has 32 bytes.');
  const digestKey = deriveKey(tree, `${kind}/digest`, undefined, encoded);
  const sealedSha256 = sealBytes(digestKey, sha256, encoded);
  digestKey.wipe();
  return { mac: rowMac(tree, kind, encoded, sealedSha256), sealedSha256 };
}

/** Answers the plaintext's SHA-256. */
export function openRow(tree: SecretKey, kind: RowKind, encoded: Buffer, row: Unproved): Buffer {
  checkRow(tree, kind, encoded, row);
  return openBytes(deriveKey(tree, `${kind}/digest`, undefined, encoded), row.sealedSha256, encoded);
}

export function checkRow(tree: SecretKey, kind: RowKind, encoded: Buffer, row: Unproved): void {
  if (row.sealedSha256.length !== SEALED_DIGEST_LENGTH) throw new SealBroken();
  const expected = rowMac(tree, kind, encoded, row.sealedSha256);
  if (row.mac.length !== expected.length || !timingSafeEqual(expected, row.mac)) throw new SealBroken();
}

/** The same for every row of a kind under a tree key, and kept as long as that key is. */
const macKeys = { version: new WeakMap<SecretKey, Buffer>(), preview: new WeakMap<SecretKey, Buffer>() };

function rowMac(tree: SecretKey, kind: RowKind, encoded: Buffer, sealedSha256: Uint8Array): Buffer {
  let key = macKeys[kind].get(tree);
  if (!key) macKeys[kind].set(tree, (key = derive(tree, `${kind}/mac`)));
  return createHmac('sha256', key).update(encoded).update(sealedSha256).digest();
}
