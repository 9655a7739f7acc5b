import { Encoding } from './encoding.js';
import { TAG_LENGTH } from './primitives.js';

/** The only layout and the only set of algorithms that this code writes or reads. */
export const FORMAT = 1;
export const SUITE = 1;

export const FRAME_LENGTH = 65_536;
export const HEADER_LENGTH = 64;
export const MESSAGE_ID_LENGTH = 32;
export const COMMITMENT_LENGTH = 32;
export const DIGEST_LENGTH = 32;
export const DEFAULT_CHUNK_LENGTH = 8 * 1024 * 1024;
/** Far below what one GCM key may seal; it bounds what a reader must be ready to hold. */
export const MAX_CHUNK_LENGTH = 64 * 1024 * 1024;
const MIN_PADDED_LENGTH = 4096;

/** Begins every encoding, so that nothing of one format or suite is ever taken for another's. */
export function formatEncoding(): Encoding {
  return new Encoding().u16(FORMAT).u16(SUITE);
}

/**
 * What the last chunk of a content is padded to: at least 4 KiB, then the next Padmé step
 * (at most 12 % more, and only the rough magnitude shows), never beyond the chunk length.
 */
export function paddedLength(length: number, chunkLength: number): number {
  if (!Number.isSafeInteger(length) || length < 1 || length > chunkLength || chunkLength > MAX_CHUNK_LENGTH) {
    throw new RangeError('A chunk holds at least one byte and at most the chunk length.');
  }
  return Math.min(padmeStep(Math.max(length, MIN_PADDED_LENGTH)), chunkLength);
}

function padmeStep(length: number): number {
  const exponent = 31 - Math.clz32(length);
  const magnitude = 32 - Math.clz32(exponent);
  const step = 2 ** (exponent - magnitude);
  return Math.ceil(length / step) * step;
}

/** How many frames hold this many bytes. */
export function frameCount(padded: number): number {
  return Math.ceil(padded / FRAME_LENGTH);
}

/** The length of a whole sealed chunk. */
export function sealedLength(padded: number): number {
  return HEADER_LENGTH + padded + TAG_LENGTH * frameCount(padded);
}
