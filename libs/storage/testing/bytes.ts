import { createHash } from 'node:crypto';
import type { BlobBody, BlobName, ByteRange, StorageProvider } from '../provider.js';

/** Bytes that look random and are the same at every run. */
export function someBytes(length: number, seed = 'bytes'): Buffer {
  if (length === 0) return Buffer.alloc(0);
  return createHash('shake256', { outputLength: length }).update(seed).digest();
}

export interface BodyInHand extends BlobBody {
  pieces(): Iterable<Buffer>;
}

export function bodyOf(bytes: Buffer, pieceLength = 64 * 1024): BodyInHand {
  return {
    length: bytes.length,
    *pieces() {
      for (let at = 0; at < bytes.length; at += pieceLength) yield bytes.subarray(at, at + pieceLength);
    },
  };
}

export async function readAll(
  provider: StorageProvider,
  name: BlobName,
  range: ByteRange,
  pieceLength?: number,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of provider.get(name, range, { pieceLength })) pieces.push(piece);
  return Buffer.concat(pieces);
}

export async function listAll(provider: StorageProvider) {
  const entries = [];
  for (let cursor: string | undefined, pages = 0; ; pages += 1) {
    const page = await provider.list(cursor);
    entries.push(...page.entries);
    cursor = page.nextCursor;
    if (cursor === undefined) return entries;
    if (pages > 10_000) throw new Error('the listing never ends');
  }
}
