import type { WrapContext } from '#crypto';

/** How a chunk key is bound to its place. A content has one key for wrapping, named by the content's id, so the epoch is 0. */
export function chunkKeyContext(place: {
  account: string;
  content: string;
  chunk: number;
  keyId: string;
}): WrapContext {
  return { purpose: 'chunk-key', ...place, wrapper: place.content, epoch: 0 };
}
