import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { derive, deriveKey } from './derivation.js';
import { DIGEST_LENGTH, formatEncoding } from './format.js';
import { encodedOrBroken, SealBroken } from './seal-broken.js';
import { openBytes, sealBytes, SEALED_BYTES_OVERHEAD } from './sealed-bytes.js';
import type { SecretKey } from './secret-key.js';

const SEALED_DIGEST_LENGTH = DIGEST_LENGTH + SEALED_BYTES_OVERHEAD;

/** What a version row says; whoever changes one of these in the database is found out. */
export interface VersionFields {
  account: string;
  file: string;
  version: string;
  content: string;
  size: number;
  contentType: string;
  /** Milliseconds since 1970. */
  modifiedAt: number;
  createdAt: number;
}

export interface SealedVersion {
  mac: Buffer;
  sealedSha256: Buffer;
}

/** The digest is sealed, not stored plainly: a stolen dump must not confirm that somebody has a known file. */
export function sealVersion(tree: SecretKey, fields: VersionFields, sha256: Buffer): SealedVersion {
  if (sha256.length !== DIGEST_LENGTH) throw new RangeError('A SHA-256 has 32 bytes.');
  const encoded = versionEncoding(fields);
  const digestKey = deriveKey(tree, 'version/digest', undefined, encoded);
  const sealedSha256 = sealBytes(digestKey, sha256, encoded);
  digestKey.wipe();
  return { mac: versionMac(tree, encoded, sealedSha256), sealedSha256 };
}

/** Answers the plaintext's SHA-256. */
export function openVersion(tree: SecretKey, fields: VersionFields, mac: Uint8Array, sealedSha256: Uint8Array): Buffer {
  const encoded = checkedEncoding(tree, fields, mac, sealedSha256);
  return openBytes(deriveKey(tree, 'version/digest', undefined, encoded), sealedSha256, encoded);
}

/** Only that nothing was changed, for who has no use for the digest: a sixth of the work. Throws SealBroken. */
export function checkVersion(tree: SecretKey, fields: VersionFields, mac: Uint8Array, sealedSha256: Uint8Array): void {
  checkedEncoding(tree, fields, mac, sealedSha256);
}

function checkedEncoding(tree: SecretKey, fields: VersionFields, mac: Uint8Array, sealedSha256: Uint8Array): Buffer {
  const encoded = encodedOrBroken(() => versionEncoding(fields));
  if (sealedSha256.length !== SEALED_DIGEST_LENGTH) throw new SealBroken();
  const expected = versionMac(tree, encoded, sealedSha256);
  if (mac.length !== expected.length || !timingSafeEqual(expected, mac)) throw new SealBroken();
  return encoded;
}

/** The same for every version under a tree key, and kept as long as that key is. */
const macKeys = new WeakMap<SecretKey, Buffer>();

function versionMac(tree: SecretKey, encoded: Buffer, sealedSha256: Uint8Array): Buffer {
  let key = macKeys.get(tree);
  if (!key) macKeys.set(tree, (key = derive(tree, 'version/mac')));
  return createHmac('sha256', key).update(encoded).update(sealedSha256).digest();
}

function versionEncoding(fields: VersionFields): Buffer {
  if (!fields.contentType.isWellFormed()) throw new RangeError('The type is not well-formed text.');
  const contentType = createHash('sha256').update(fields.contentType, 'utf8').digest();
  return formatEncoding()
    .uuid(fields.account)
    .uuid(fields.file)
    .uuid(fields.version)
    .uuid(fields.content)
    .u64(fields.size)
    .bytes(contentType, DIGEST_LENGTH)
    .i64(fields.modifiedAt)
    .i64(fields.createdAt)
    .finish();
}
