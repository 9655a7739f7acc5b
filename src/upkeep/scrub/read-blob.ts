import { ShardDigest } from '#dispersal';
import {
  AccessRefused,
  BlobMissing,
  type BlobName,
  BlobTruncated,
  ConsentWithdrawn,
  type StorageProvider,
} from '#storage';
import type { BlobFault, ShardOfBlob } from '../../contents/index.js';

const PIECE = 256 * 1024;

/** `unread`: the place refuses this blob; that says nothing about its bytes. */
export type Verdict = 'whole' | BlobFault | 'unread';

/**
 * Reads all shards that lie in a blob and compares each with its digest, a piece in hand at a time. What is longer than it
 * should be is not noticed here, and harms nobody: nothing beyond a shard is ever read.
 */
export async function readBlob(
  provider: StorageProvider,
  blob: { readonly name: string; readonly shards: readonly ShardOfBlob[] },
  signal: AbortSignal,
): Promise<Verdict> {
  try {
    for (const { offset, length, digest } of blob.shards) {
      const found = new ShardDigest();
      const range = { offset, length };
      for await (const piece of provider.get(blob.name as BlobName, range, { pieceLength: PIECE, signal })) {
        found.update(piece);
      }
      if (!found.digest().equals(digest)) return 'damaged';
    }
    return blob.shards.length === 0 ? 'unread' : 'whole';
  } catch (error) {
    if (error instanceof BlobMissing) return 'missing';
    if (error instanceof BlobTruncated) return 'damaged';
    if (error instanceof AccessRefused && !(error instanceof ConsentWithdrawn)) return 'unread';
    throw error;
  }
}
