import { Fault } from '#contracts';
import { ErasureCode, recoverPieces, ShardDigest, shardLayout, type ShardPart } from '#dispersal';
import { SealBroken } from '#crypto';
import { BlobMissing, BlobTruncated, type BlobName, type StorageProvider } from '#storage';
import { ConnectionUnknown, isOfConnection, type Patience } from '../connections/index.js';
import { ContentDamaged, type ChunkRow } from '../contents/index.js';

/** The shards of one chunk, and which of them failed while this content was read. */
export interface ChunkShards {
  readonly rows: ChunkRow[];
  /** Whether what failed may pass. */
  readonly failed: Map<number, boolean>;
}

export interface ShardReading {
  readonly spread: { data: number; parity: number };
  readonly provider: (connection: string, patience: Patience) => Promise<StorageProvider>;
  /** Whether it failed lately, so that others are asked first. */
  readonly shunned: (connection: string) => boolean;
  /** Told of everything that a connection failed to give. */
  readonly onFault: (row: ChunkRow, error: unknown) => void;
}

interface Fetching {
  readonly pieceLength: number;
  readonly patience: Patience;
}

/** Of each stream, where several are read at one time to decode from. */
const LEAST_PIECE = 16 * 1024;
/** What is in hand of each shard while all are compared with their digests. */
const COMPARING: Fetching = { pieceLength: 64 * 1024, patience: 'short' };

/**
 * Reads sealed bytes of a chunk out of its shards: from those that hold them where they answer, else
 * decoded from the same bytes of enough others. Nothing that comes out is trusted before its frames'
 * tags are; where these break, `findLiars` tells which shards are not what was stored.
 */
export class ShardReader {
  private readonly code: ErasureCode;

  constructor(private readonly reading: ShardReading) {
    try {
      this.code = ErasureCode.of(reading.spread);
    } catch {
      // Nobody writes such a spread: the row was changed.
      throw new ContentDamaged();
    }
  }

  /**
   * Goes around shards that fail, from the byte that was reached: at the first failure while others can stand in. When
   * too few are left, those are tried once more, with patience, whose failure may have passed. Then it throws what the
   * last one failed with.
   */
  async *read(
    chunk: ChunkShards,
    sealedLength: number,
    range: { offset: number; length: number },
    pieceLength: number,
  ): AsyncGenerator<Buffer> {
    const end = range.offset + range.length;
    let patience: Patience = this.there(chunk).length > this.code.data ? 'none' : 'usual';
    let failure: unknown;
    for (let at = range.offset; at < end;) {
      const layout = shardLayout(this.code, sealedLength, { offset: at, length: end - at }, this.usable(chunk));
      if (!layout) {
        if (patience === 'usual') throw failure === undefined || saysLost(failure) ? new ContentDamaged() : failure;
        patience = 'usual';
        for (const [shard, passing] of chunk.failed) if (passing) chunk.failed.delete(shard);
        continue;
      }
      try {
        for (const part of layout) {
          for await (const piece of this.part(chunk, part, { pieceLength, patience })) {
            at += piece.length;
            yield piece;
          }
        }
      } catch (error) {
        if (!(error instanceof ShardFailed)) throw error;
        failure = error.cause;
      }
    }
  }

  /** Compares every shard with its digest. True when some differ, and enough are left to read without them. */
  async findLiars(chunk: ChunkShards): Promise<boolean> {
    const [only] = chunk.rows;
    if (chunk.rows.length === 1 && only) {
      this.fail(chunk, only, new SealBroken());
      return false;
    }
    const before = chunk.failed.size;
    await Promise.all(
      chunk.rows.filter(({ shard }) => !chunk.failed.has(shard)).map((row) => this.compare(chunk, row)),
    );
    return chunk.failed.size > before && this.usable(chunk).length >= this.code.data;
  }

  private async compare(chunk: ChunkShards, row: ChunkRow): Promise<void> {
    const digest = new ShardDigest();
    const whole = { offset: 0, length: row.shard_length };
    try {
      for await (const piece of this.shard(chunk, row.shard, whole, COMPARING)) digest.update(piece);
    } catch (error) {
      if (error instanceof ShardFailed) return;
      throw error;
    }
    if (!digest.digest().equals(row.digest)) this.fail(chunk, row, new SealBroken());
  }

  /** Data shards first: they are read without decoding. Those of connections that failed lately only where the others do not suffice. */
  private usable(chunk: ChunkShards): number[] {
    const there = this.there(chunk);
    const steady = there.filter(({ connection }) => !this.reading.shunned(connection));
    const rows =
      steady.length >= this.code.data ? steady : [...steady, ...there.filter((row) => !steady.includes(row))];
    return rows.map(({ shard }) => shard);
  }

  private there(chunk: ChunkShards): ChunkRow[] {
    return chunk.rows.filter(
      ({ shard, state }) => state === 'live' && shard >= 0 && shard < this.code.shards && !chunk.failed.has(shard),
    );
  }

  private async *part(chunk: ChunkShards, part: ShardPart, fetching: Fetching): AsyncGenerator<Buffer> {
    if (part.from === null) {
      yield* this.shard(chunk, part.shard, part, fetching);
      return;
    }
    // All streams together have as much in hand as the one would have.
    const pieceLength = Math.max(LEAST_PIECE, Math.ceil(fetching.pieceLength / part.from.length));
    const streams = new Map(
      part.from.map((shard) => [shard, this.shard(chunk, shard, part, { ...fetching, pieceLength })]),
    );
    for await (const [bytes] of recoverPieces(this.code, streams, [part.shard])) yield bytes as Buffer;
  }

  private async *shard(
    chunk: ChunkShards,
    shard: number,
    { offset, length }: { offset: number; length: number },
    { pieceLength, patience }: Fetching,
  ): AsyncGenerator<Buffer> {
    const row = chunk.rows.find((one) => one.shard === shard) as ChunkRow;
    try {
      const provider = await this.reading.provider(row.connection, patience);
      yield* provider.get(row.name as BlobName, { offset: row.shard_offset + offset, length }, { pieceLength });
    } catch (error) {
      if (!isOfConnection(error)) throw error;
      this.fail(chunk, row, error);
      throw new ShardFailed('a shard could not be read', { cause: error });
    }
  }

  private fail(chunk: ChunkShards, row: ChunkRow, error: unknown): void {
    chunk.failed.set(row.shard, error instanceof Fault && error.retriable);
    this.reading.onFault(row, error);
  }
}

/** Never leaves this file: the reader goes on without the shard, or throws the cause. */
class ShardFailed extends Error {}

/**
 * The one who asked learns that the content is damaged; which of the ways it was, stays here. On a removed connection
 * everything is as missing as what was deleted there.
 */
function saysLost(error: unknown): boolean {
  return [BlobMissing, BlobTruncated, ConnectionUnknown].some((kind) => error instanceof kind);
}
