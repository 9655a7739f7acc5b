import type { ByteRange } from './provider.js';

/** A range that makes no sense is a mistake in the program, not a fault of the provider. */
export function requireRange({ offset, length }: ByteRange): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new RangeError(`no such range: ${offset}+${length}`);
  }
}
