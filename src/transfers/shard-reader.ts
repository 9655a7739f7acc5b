import { SealBroken } from '#crypto';
import { ErasureCode, ShardDigest, shardLayout, type ShardPart } from '#dispersal';
import { BlobMissing, BlobTruncated } from '#storage';
import { ConnectionUnknown, type Patience } from '../connections/index.js';
import { ContentDamaged, type ChunkRow } from '../contents/index.js';
import { raced } from './part-race.js';
import { inOrder } from './shard-order.js';
import { type ChunkShards, type Fetching, rowOf, type ShardReading, ShardStreams } from './shard-streams.js';
import { ShardFailed, Way } from './way.js';

interface PartOfChunk {
  readonly sealedLength: number;
  /** Where the part begins in the sealed chunk. */
  readonly at: number;
  readonly part: ShardPart;
}

const NOBODY: ReadonlySet<number> = new Set();

/** What is in hand of each shard while all are compared with their digests. */
const COMPARING: Fetching = { pieceLength: 64 * 1024, patience: 'short' };

/**
 * Reads sealed bytes of a chunk out of its shards: from those that hold them where they answer, else
 * decoded from the same bytes of enough others. Nothing that comes out is trusted before its frames'
 * tags are; where these break, `findLiars` tells which shards are not what was stored.
 */
export class ShardReader {
  private readonly code: ErasureCode;
  private readonly streams: ShardStreams;

  constructor(private readonly reading: ShardReading) {
    try {
      this.code = ErasureCode.of(reading.spread);
    } catch {
      // Nobody writes such a spread: the row was changed.
      throw new ContentDamaged();
    }
    this.streams = new ShardStreams(this.code, reading);
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
      const rest = { offset: at, length: end - at };
      // One part after the other: what the last one taught about places holds for the next.
      const [part] = shardLayout(this.code, sealedLength, rest, this.usable(chunk)) ?? [];
      if (!part) {
        if (patience === 'usual') throw failure === undefined || saysLost(failure) ? new ContentDamaged() : failure;
        patience = 'usual';
        for (const [shard, passing] of chunk.failed) if (passing) chunk.failed.delete(shard);
        continue;
      }
      try {
        for await (const piece of this.part(chunk, { sealedLength, at, part }, { pieceLength, patience })) {
          at += piece.length;
          yield piece;
        }
      } catch (error) {
        if (!(error instanceof ShardFailed)) throw error;
        failure = error.cause;
      }
    }
  }

  /**
   * Compares every shard with its digest. True when some differ, and enough are left to read without them. Who keeps it
   * waiting is not waited for, unless it takes them all.
   */
  async findLiars(chunk: ChunkShards): Promise<boolean> {
    const [only] = chunk.rows;
    if (chunk.rows.length === 1 && only) {
      this.streams.fail(chunk, only, new SealBroken());
      return false;
    }
    const before = chunk.failed.size;
    const asked = chunk.rows.filter(({ shard }) => !chunk.failed.has(shard));
    const compared = await Promise.all(asked.map((row) => this.compare(chunk, row)));
    const late = asked.filter((_, nth) => !compared[nth]);
    for (const { shard } of late) chunk.failed.set(shard, true);
    if (late.length > 0 && this.there(chunk).length < this.code.data) {
      for (const { shard } of late) chunk.failed.delete(shard);
      await Promise.all(late.map((row) => this.compare(chunk, row, true)));
    }
    return chunk.failed.size > before && this.there(chunk).length >= this.code.data;
  }

  /** False when it let us wait for too long. */
  private async compare(chunk: ChunkShards, row: ChunkRow, patient = false): Promise<boolean> {
    const digest = new ShardDigest();
    const whole = { shard: row.shard, offset: 0, length: row.shard_length };
    const { hedging } = this.reading;
    const another = (): Way | null => {
      if (patient) return null;
      hedging.late(row.connection);
      throw new ShardLate();
    };
    const way = new Way((one) => this.streams.shard(chunk, whole, COMPARING, one));
    try {
      const rules = { clock: hedging.clock, againMs: hedging.againMs, another, decided: () => {} };
      for await (const piece of raced(way, rules)) digest.update(piece);
    } catch (error) {
      if (error instanceof ShardLate) return false;
      if (error instanceof ShardFailed) return true;
      throw error;
    }
    if (!digest.digest().equals(row.digest)) this.streams.fail(chunk, row, new SealBroken());
    return true;
  }

  private usable(chunk: ChunkShards, late: ReadonlySet<number> = NOBODY): number[] {
    const { shunned, hedging } = this.reading;
    const there = this.there(chunk).filter(({ shard }) => !late.has(shard));
    return inOrder(there, this.code.data, {
      shunned,
      isLate: (connection) => hedging.isLate(connection),
      medianMs: (connection) => hedging.medianMs(connection),
    });
  }

  private there(chunk: ChunkShards): ChunkRow[] {
    return chunk.rows.filter(
      ({ shard, state }) => state === 'live' && shard >= 0 && shard < this.code.shards && !chunk.failed.has(shard),
    );
  }

  /** Where enough others are there, who is late is not waited for. */
  private part(chunk: ChunkShards, asked: PartOfChunk, fetching: Fetching): AsyncGenerator<Buffer> {
    const { hedging } = this.reading;
    const { sealedLength, at, part } = asked;
    const way = new Way((one) => this.streams.part(chunk, part, fetching, one));
    hedging.countPart();
    if (this.there(chunk).length <= this.code.data) return way.alone();
    const another = (reached: number, late: ReadonlySet<number>): Way | null => {
      const range = { offset: at + reached, length: part.length - reached };
      const [instead] = shardLayout(this.code, sealedLength, range, this.usable(chunk, late)) ?? [];
      if (!instead) return null;
      const held = hedging.tryHedge(ShardStreams.inHand(instead, fetching.pieceLength));
      return held && new Way((one) => this.streams.part(chunk, instead, { ...fetching, patience: 'none' }, one), held);
    };
    const decided = (anotherWon: boolean, silent: readonly number[]): void =>
      hedging.decided(
        anotherWon,
        silent.map((shard) => rowOf(chunk, shard).connection),
      );
    return raced(way, { clock: hedging.clock, againMs: hedging.againMs, another, decided });
  }
}

/** Who is compared with a digest let us wait. */
class ShardLate extends Error {}

/**
 * The one who asked learns that the content is damaged; which of the ways it was, stays here. On a removed connection
 * everything is as missing as what was deleted there.
 */
function saysLost(error: unknown): boolean {
  return [BlobMissing, BlobTruncated, ConnectionUnknown].some((kind) => error instanceof kind);
}
