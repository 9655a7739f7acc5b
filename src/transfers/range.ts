import { RangeUnsatisfiable } from './errors.js';

export interface ByteSpan {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/**
 * Reads a `Range` header. Null means the whole file: there is none, its unit is not bytes, it is
 * malformed, or it asks for several ranges, all of which RFC 9110 lets a server pass over.
 * Throws RangeUnsatisfiable when the one range asked for lies beyond the end.
 */
export function parseRange(header: string | undefined, size: number): ByteSpan | null {
  const match = header === undefined ? null : /^bytes=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header);
  if (!match) return null;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return null;
  if (first === '') return suffix(Number(last), size);
  const start = Number(first);
  const end = last === '' ? size : Math.min(Number(last) + 1, size);
  if (last !== '' && Number(last) < start) return null;
  if (start >= size) throw new RangeUnsatisfiable(size);
  return { start, end };
}

function suffix(length: number, size: number): ByteSpan {
  if (length === 0 || size === 0) throw new RangeUnsatisfiable(size);
  return { start: Math.max(0, size - length), end: size };
}
