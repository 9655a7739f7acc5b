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
  /** Exactly these bytes, which the reader may keep and does not change. */
  read(offset: number, length: number): Buffer | Promise<Buffer>;
}

/** The digest of each shard of a source, data shards first: one pass over it, holding a slice at a time. */
export async function digestShards(code: ErasureCode, source: ShardSource): Promise<Buffer[]> {
  const digests = Array.from({ length: code.data === 1 ? 1 : code.shards }, () => new ShardDigest());
  const slice = Math.min(sliceColumns(code), code.shardLength(source.length));
  const room = Array.from({ length: code.data === 1 ? 0 : code.parity }, () => Buffer.allocUnsafeSlow(slice));
  for (const [from, to] of slices(code, code.shardLength(source.length))) {
    if (from > 0) await othersFirst();
    const data = await columns(code, source, from, to);
    const into = room.map((parity) => parity.subarray(0, to - from));
    const all = code.data === 1 ? data : [...data, ...code.parityOf(data, { into })];
    digests.forEach((digest, shard) => digest.update(all[shard] as Buffer));
  }
  const found = digests.map((digest) => digest.digest());
  return code.data === 1 ? Array<Buffer>(code.shards).fill(found[0] as Buffer) : found;
}

/**
 * The bytes of one shard of a source, made as they are asked for, as often as they are: nothing but
 * a slice is ever held. A parity shard reads the whole source for it.
 */
export async function* shardPieces(code: ErasureCode, source: ShardSource, shard: number): AsyncGenerator<Buffer> {
  for (const [from, to] of slices(code, code.shardLength(source.length))) {
    if (shard < code.data) yield await column(code, source, shard, from, to);
    else yield code.parityOf(await columns(code, source, from, to), { wanted: [shard] })[0] as Buffer;
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

function* slices(code: ErasureCode, shardLength: number): Generator<[number, number]> {
  const most = sliceColumns(code);
  for (let from = 0; from < shardLength; from += most) yield [from, Math.min(from + most, shardLength)];
}

function columns(code: ErasureCode, source: ShardSource, from: number, to: number): Promise<Buffer[]> {
  return Promise.all(Array.from({ length: code.data }, (_, shard) => column(code, source, shard, from, to)));
}

async function column(
  code: ErasureCode,
  source: ShardSource,
  shard: number,
  from: number,
  to: number,
): Promise<Buffer> {
  const offset = shard * code.shardLength(source.length) + from;
  const there = Math.max(0, Math.min(to - from, source.length - offset));
  const bytes = there === 0 ? Buffer.alloc(0) : await source.read(offset, there);
  return there === to - from ? bytes : Buffer.concat([bytes], to - from);
}
