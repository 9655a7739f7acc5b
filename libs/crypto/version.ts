import { createHash } from 'node:crypto';
import { DIGEST_LENGTH, formatEncoding } from './format.js';
import { checkRow, openRow, type SealedRow, sealRow } from './sealed-row.js';
import { encodedOrBroken } from './seal-broken.js';
import type { SecretKey } from './secret-key.js';

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

export function sealVersion(tree: SecretKey, fields: VersionFields, sha256: Buffer): SealedRow {
  return sealRow(tree, 'version', versionEncoding(fields), sha256);
}

/** Answers the plaintext's SHA-256. Throws SealBroken. */
export function openVersion(tree: SecretKey, fields: VersionFields, mac: Uint8Array, sealedSha256: Uint8Array): Buffer {
  return openRow(tree, 'version', brokenOr(fields), { mac, sealedSha256 });
}

/** Only that nothing was changed, for who has no use for the digest: a sixth of the work. Throws SealBroken. */
export function checkVersion(tree: SecretKey, fields: VersionFields, mac: Uint8Array, sealedSha256: Uint8Array): void {
  checkRow(tree, 'version', brokenOr(fields), { mac, sealedSha256 });
}

function brokenOr(fields: VersionFields): Buffer {
  return encodedOrBroken(() => versionEncoding(fields));
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
