import { ErasureCode, type ShardCounts } from './code/erasure-code.js';

/** A part of a sealed chunk, as it is had from shards. */
export interface ShardPart {
  /** Where it begins in the range that was asked for. */
  readonly at: number;
  /** The shard whose bytes these are, and which of them. */
  readonly shard: number;
  readonly offset: number;
  readonly length: number;
  /** Null where the shard itself is read; else the shards of which the same bytes are needed to bring them back. */
  readonly from: readonly number[] | null;
}

/**
 * How a range of a sealed chunk is had from the shards that can be used, the preferred ones first:
 * its parts in order, one for each data shard that it touches. A shard that is there is read just
 * where the range lies; of one that is not, the same bytes of as many others as it takes are decoded.
 * Null when too few shards can be used.
 */
export function shardLayout(
  counts: ShardCounts,
  sealedLength: number,
  range: { offset: number; length: number },
  usable: readonly number[],
): ShardPart[] | null {
  const end = range.offset + range.length;
  if (range.offset < 0 || range.length < 0 || end > sealedLength) throw new RangeError('beyond the sealed chunk');
  const there = [...new Set(usable)];
  if (there.length < counts.data) return null;
  const shardLength = ErasureCode.of(counts).shardLength(sealedLength);
  const parts: ShardPart[] = [];
  for (let begin = range.offset; begin < end;) {
    const shard = Math.floor(begin / shardLength);
    const offset = begin - shard * shardLength;
    const length = Math.min(end - begin, shardLength - offset);
    const place = { at: begin - range.offset, offset, length };
    // Every shard of a mirror is the chunk: the preferred one will do.
    if (counts.data === 1) parts.push({ ...place, shard: there[0] as number, from: null });
    else parts.push({ ...place, shard, from: there.includes(shard) ? null : there.slice(0, counts.data) });
    begin += length;
  }
  return parts;
}

/**
 * What a layout fetches. Beyond the length of all data shards, whole shards are the cheaper way: a
 * missing one is decoded from others that are read for themselves as well.
 */
export function bytesFetched(parts: readonly ShardPart[]): number {
  return parts.reduce((sum, { length, from }) => sum + length * (from?.length ?? 1), 0);
}
