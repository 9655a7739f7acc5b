import { deriveKey } from './derivation.js';
import { Encoding, uuidFrom } from './encoding.js';
import { checkedLengths } from './chunk-sealer.js';
import { formatEncoding, DIGEST_LENGTH, FORMAT, HEADER_LENGTH, SUITE } from './format.js';
import { SealBroken } from './seal-broken.js';
import type { SecretKey } from './secret-key.js';

export const MANIFEST_PAGE_CHUNKS = 1024;
export const ENTRY_LENGTH = 104;
export const HEADER_PLAIN_LENGTH = 60;

export interface ManifestIds {
  account: string;
  content: string;
}

/** One chunk of a content. */
export interface ManifestEntry {
  index: number;
  /** Where its plaintext begins in the file. */
  offset: number;
  length: number;
  /** Its length with the padding inside its seal. */
  padded: number;
  keyId: string;
  header: Buffer;
}

export interface ManifestHeader {
  totalLength: number;
  sha256: Buffer;
  chunks: number;
  pages: number;
  /** Drawn afresh for each manifest; its pages open with its own header only. */
  id: Buffer;
}

export type ManifestPart = { part: 'header' } | { part: 'page'; page: number; last: boolean };

export function manifestAssociated(ids: ManifestIds, which: ManifestPart): Buffer {
  const encoding = formatEncoding().uuid(ids.account).uuid(ids.content);
  if (which.part === 'header') return encoding.u8(1).u64(0).u8(0).finish();
  return encoding
    .u8(2)
    .u64(which.page)
    .u8(which.last ? 1 : 0)
    .finish();
}

/** Each part is sealed under a key of its own, so that a key seals one thing once. */
export function manifestPartKey(
  manifestKey: SecretKey,
  id: Uint8Array,
  part: ManifestPart['part'],
  associated: Buffer,
): SecretKey {
  return deriveKey(manifestKey, part === 'header' ? 'manifest/header' : 'manifest/page', id, associated);
}

function pageCount(chunks: number): number {
  return Math.ceil(chunks / MANIFEST_PAGE_CHUNKS);
}

export function encodeHeader(header: Omit<ManifestHeader, 'id'>): Buffer {
  return formatEncoding()
    .u64(header.totalLength)
    .u64(header.chunks)
    .u64(header.pages)
    .bytes(header.sha256, DIGEST_LENGTH)
    .finish();
}

export function decodeHeader(plain: Buffer, id: Buffer): ManifestHeader {
  if (plain.length !== HEADER_PLAIN_LENGTH) throw new SealBroken();
  if (plain.readUInt16BE(0) !== FORMAT || plain.readUInt16BE(2) !== SUITE) throw new SealBroken();
  const header = {
    totalLength: safeInteger(plain, 4),
    chunks: safeInteger(plain, 12),
    pages: safeInteger(plain, 20),
    sha256: Buffer.from(plain.subarray(28)),
    id,
  };
  const bothEmpty = (header.chunks === 0) === (header.totalLength === 0);
  if (!bothEmpty || header.chunks > header.totalLength || header.pages !== pageCount(header.chunks)) {
    throw new SealBroken();
  }
  return header;
}

export function encodeEntries(entries: readonly ManifestEntry[]): Buffer {
  const encoding = new Encoding();
  for (const entry of entries) {
    encoding
      .u64(entry.index)
      .u64(entry.offset)
      .u32(entry.length)
      .u32(entry.padded)
      .uuid(entry.keyId)
      .bytes(entry.header, HEADER_LENGTH);
  }
  return encoding.finish();
}

export function decodeEntries(plain: Buffer): ManifestEntry[] {
  const entries: ManifestEntry[] = [];
  for (let at = 0; at < plain.length; at += ENTRY_LENGTH) {
    entries.push({
      index: safeInteger(plain, at),
      offset: safeInteger(plain, at + 8),
      length: plain.readUInt32BE(at + 16),
      padded: plain.readUInt32BE(at + 20),
      keyId: uuidFrom(plain.subarray(at + 24, at + 40)),
      header: Buffer.from(plain.subarray(at + 40, at + ENTRY_LENGTH)),
    });
  }
  return entries;
}

/** Chunks follow each other without a gap: throws a RangeError where they do not, and answers where the next begins. */
export function checkedNext(entry: ManifestEntry, index: number, offset: number): number {
  checkedLengths({ plainLength: entry.length, paddedLength: entry.padded });
  if (entry.index !== index || entry.offset !== offset) throw new RangeError('The chunks do not follow each other.');
  const next = entry.offset + entry.length;
  if (!Number.isSafeInteger(next)) throw new RangeError('The content is too long.');
  return next;
}

function safeInteger(bytes: Buffer, at: number): number {
  const value = Number(bytes.readBigUInt64BE(at));
  if (!Number.isSafeInteger(value)) throw new SealBroken();
  return value;
}
