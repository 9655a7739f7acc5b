import { setImmediate as othersFirst } from 'node:timers/promises';
import { ShardDigest } from '../shard-digest.js';
import type { ErasureCode } from './erasure-code.js';

/**
 * So much is worked on before others have their turn of the event loop: 0.1 to 0.2 ms. Slices in the
 * main thread cost half the processor time of a worker thread, which has to be brought the bytes.
 */
const SLICE = 512 * 1024;

/** Whatever lies whole somewhere and can be read in parts, in memory or on disk. */
export interface ShardSource {
  readonly length: number;
  /** Exactly these bytes, in pieces that nobody changes. */
  pieces(part: { offset: number; length: number }): Iterable<Buffer> | AsyncIterable<Buffer>;
}

/** The digest of each shard of a source, data shards first: one pass over it, holding a slice at a time. */
export async function digestShards(code: ErasureCode, source: ShardSource): Promise<Buffer[]> {
  const columns = new Columns(code, source);
  const digests = Array.from({ length: code.data === 1 ? 1 : code.shards }, () => new ShardDigest());
  const into = Array.from({ length: digests.length - code.data }, () => Buffer.allocUnsafeSlow(columns.slice));
  for (const [from, to] of columns.slices()) {
    if (from > 0) await othersFirst();
    const data = await columns.read(from, to);
    const parity =
      into.length > 0 ? code.parityOf(data, { into: into.map((room) => room.subarray(0, to - from)) }) : [];
    digests.forEach((digest, shard) => digest.update([...data, ...parity][shard] as Buffer));
  }
  const found = digests.map((digest) => digest.digest());
  return code.data === 1 ? Array<Buffer>(code.shards).fill(found[0] as Buffer) : found;
}

/**
 * The bytes of one shard of a source, made as they are asked for, as often as they are. Of a data
 * shard they are the source's own pieces; for a parity shard all of the source is read, a slice at a time.
 */
export async function* shardPieces(code: ErasureCode, source: ShardSource, shard: number): AsyncGenerator<Buffer> {
  const columns = new Columns(code, source);
  if (shard < code.data || code.data === 1) {
    const offset = (code.data === 1 ? 0 : shard) * columns.length;
    const length = Math.max(0, Math.min(columns.length, source.length - offset));
    if (length > 0) yield* source.pieces({ offset, length });
    if (length < columns.length) yield Buffer.alloc(columns.length - length);
    return;
  }
  for (const [from, to] of columns.slices()) {
    yield code.parityOf(await columns.read(from, to), { wanted: [shard] })[0] as Buffer;
  }
}

/** The same columns of all data shards of a source, a slice at a time, in room that is used again for the next. */
class Columns {
  /** Of each shard. */
  readonly length: number;
  readonly slice: number;
  private readonly room: (Buffer | undefined)[] = [];

  constructor(
    private readonly code: ErasureCode,
    private readonly source: ShardSource,
  ) {
    this.length = code.shardLength(source.length);
    this.slice = Math.min(this.length, sliceColumns(code));
  }

  *slices(): Generator<[number, number]> {
    for (let from = 0; from < this.length; from += this.slice) yield [from, Math.min(from + this.slice, this.length)];
  }

  read(from: number, to: number): Promise<Buffer[]> {
    return Promise.all(Array.from({ length: this.code.data }, (_, shard) => this.column(shard, from, to)));
  }

  private async column(shard: number, from: number, to: number): Promise<Buffer> {
    const offset = shard * this.length + from;
    const there = Math.max(0, Math.min(to - from, this.source.length - offset));
    const room = (this.room[shard] ??= Buffer.allocUnsafeSlow(this.slice)).subarray(0, to - from);
    let filled = 0;
    if (there > 0) {
      for await (const piece of this.source.pieces({ offset, length: there })) filled += piece.copy(room, filled);
    }
    if (filled !== there) throw new RangeError('the source ended early');
    return room.fill(0, there);
  }
}

/**
 * Brings back the wanted shards from streams of the same columns of enough others, in step: gives
 * the next columns of each wanted shard, in their order, as soon as all streams have brought theirs.
 * Streams that are not needed are not begun; those that were are closed, however this ends. What a
 * stream throws is thrown. Throws RangeError when one ends before another.
 */
export async function* recoverPieces(
  code: ErasureCode,
  present: ReadonlyMap<number, AsyncIterable<Buffer> | Iterable<Buffer>>,
  wanted: readonly number[],
): AsyncGenerator<Buffer[]> {
  const recovery = code.recovery([...present.keys()], wanted);
  const readers = recovery.from.map((shard) => new PieceReader(present.get(shard) as AsyncIterable<Buffer>));
  const most = sliceColumns(code);
  try {
    for (let sinceTurn = 0; ;) {
      const ready = await Promise.all(readers.map((reader) => reader.ready()));
      const length = Math.min(most, ...ready);
      if (length === 0) {
        if (ready.some((left) => left > 0)) throw new RangeError('a shard ended before the others');
        return;
      }
      if (sinceTurn + length > most) sinceTurn = await othersFirst(0);
      sinceTurn += length;
      yield recovery.run(readers.map((reader) => reader.take(length)));
    }
  } finally {
    await Promise.all(readers.map((reader) => reader.close()));
  }
}

/** A stream of pieces, taken in parts that need not be those it came in. */
class PieceReader {
  private readonly source: AsyncIterator<Buffer> | Iterator<Buffer>;
  private left: Buffer = Buffer.alloc(0);
  private ended = false;

  constructor(pieces: AsyncIterable<Buffer> | Iterable<Buffer>) {
    this.source = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  }

  /** How many bytes are in hand; none when the stream has ended. */
  async ready(): Promise<number> {
    while (this.left.length === 0 && !this.ended) {
      const next = await this.source.next();
      if (next.done) this.ended = true;
      else this.left = next.value;
    }
    return this.left.length;
  }

  take(length: number): Buffer {
    const taken = this.left.subarray(0, length);
    this.left = this.left.subarray(length);
    return taken;
  }

  async close(): Promise<void> {
    if (!this.ended) await this.source.return?.();
  }
}

function sliceColumns(code: ErasureCode): number {
  return Math.ceil(SLICE / code.data);
}
