import { Fault } from '#contracts';
import { type ErasureCode, recoverPieces, type ShardPart } from '#dispersal';
import type { BlobName, StorageProvider } from '#storage';
import { isOfConnection, type Patience } from '../connections/index.js';
import type { ChunkRow } from '../contents/index.js';
import { AnswerTime } from './answer-time.js';
import type { Hedging } from './hedging.js';
import type { Way } from './way.js';

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
  readonly hedging: Hedging;
}

export interface Fetching {
  readonly pieceLength: number;
  readonly patience: Patience;
}

/** Of each stream, where several are read at one time to decode from. */
const LEAST_PIECE = 16 * 1024;

/** Sealed bytes of a chunk as they come from the connections that hold its shards. */
export class ShardStreams {
  constructor(
    private readonly code: ErasureCode,
    private readonly reading: ShardReading,
  ) {}

  /** What a part is held to have in hand: a piece, or one of each stream with what is made of them. */
  static inHand({ from, length }: ShardPart, pieceLength: number): number {
    const streams = from?.length ?? 1;
    return Math.min(length, pieceOfEach(streams, pieceLength)) * (from === null ? 1 : streams + 1);
  }

  /** A part of a chunk: of the shard itself, or decoded from others. */
  async *part(chunk: ChunkShards, part: ShardPart, fetching: Fetching, way: Way): AsyncGenerator<Buffer> {
    if (part.from === null) {
      yield* this.shard(chunk, part, fetching, way);
      return;
    }
    const each = { ...fetching, pieceLength: pieceOfEach(part.from.length, fetching.pieceLength) };
    const streams = new Map(part.from.map((shard) => [shard, this.shard(chunk, { ...part, shard }, each, way)]));
    for await (const [bytes] of recoverPieces(this.code, streams, [part.shard])) yield bytes as Buffer;
  }

  /** When it fails, the way that it belongs to fails, and with it the other streams of that. */
  async *shard(
    chunk: ChunkShards,
    { shard, offset, length }: { shard: number; offset: number; length: number },
    { pieceLength, patience }: Fetching,
    way: Way,
  ): AsyncGenerator<Buffer> {
    const row = rowOf(chunk, shard);
    const time = new AnswerTime(this.reading.hedging, row, way);
    const { signal } = way;
    try {
      time.expect();
      const provider = await unlessAborted(this.reading.provider(row.connection, patience), signal);
      time.begin();
      let reached = 0;
      const range = { offset: row.shard_offset + offset, length };
      for await (const piece of provider.get(row.name as BlobName, range, { pieceLength, signal })) {
        time.came();
        reached += piece.length;
        yield piece;
        if (reached < length) time.expect();
      }
    } catch (error) {
      time.broke();
      const unwanted = signal.aborted;
      const failed = way.fail(error);
      if (unwanted) throw failed;
      if (!isOfConnection(error)) throw error;
      this.fail(chunk, row, error);
      throw failed;
    }
  }

  fail(chunk: ChunkShards, row: ChunkRow, error: unknown): void {
    chunk.failed.set(row.shard, error instanceof Fault && error.retriable);
    this.reading.onFault(row, error);
  }
}

export function rowOf(chunk: ChunkShards, shard: number): ChunkRow {
  return chunk.rows.find((one) => one.shard === shard) as ChunkRow;
}

/** All streams together have as much in hand as the one would have. */
function pieceOfEach(streams: number, pieceLength: number): number {
  return streams === 1 ? pieceLength : Math.max(LEAST_PIECE, Math.ceil(pieceLength / streams));
}

/** Opening a place cannot be aborted; who no longer wants it need not wait for it. */
function unlessAborted<Result>(result: Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    result.then(resolve, reject);
  });
}
