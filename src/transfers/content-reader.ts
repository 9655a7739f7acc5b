import { Fault } from '#contracts';
import { regroup } from '#chunks';
import {
  ChunkOpener,
  chunksCovering,
  FRAME_LENGTH,
  openManifestPage,
  SealBroken,
  sealedLength,
  TAG_LENGTH,
  unwrapKey,
  type ManifestEntry,
  type ManifestHeader,
} from '#crypto';
import { chunkRows, ContentDamaged, pageAt, type ChunkRow, type Spread } from '../contents/index.js';
import type { Sql } from '../database/index.js';
import type { ContentKeys } from '../keys/index.js';
import { chunkKeyContext } from './chunk-key.js';
import type { ShardReader } from './shard-reader.js';
import type { ChunkShards } from './shard-streams.js';

const SEALED_FRAME = FRAME_LENGTH + TAG_LENGTH;
/** Rows of so many chunks are looked up at once while reading on. */
const CHUNKS_AHEAD = 32;
/** Upkeep moves shards while they are read, and deletes where they lay before. */
const ROWS_FRESH_MS = 10_000;
/** A chunk whose shards have moved under a reader so often is another matter. */
const MOST_LOOKS = 8;

export interface ReadingContext {
  readonly sql: Sql;
  readonly account: string;
  readonly content: string;
  readonly keys: ContentKeys;
  readonly manifest: ManifestHeader;
  readonly shards: (spread: Spread) => ShardReader;
}

/** The rows of a chunk as they were read last. */
interface KnownChunk {
  readonly shards: ChunkShards;
  readonly reader: ShardReader;
}

/** Opens any range of a content, a frame at a time; nothing leaves before its tag was checked. */
export class ContentReader {
  private page: ManifestEntry[] = [];
  private chunks = new Map<number, KnownChunk>();
  private readAt = 0;
  private readonly readers = new Map<string, ShardReader>();

  constructor(private readonly context: ReadingContext) {}

  get length(): number {
    return this.context.manifest.totalLength;
  }

  /** Plaintext of `[start, end)` in pieces of at most a frame, fetched in pieces of at most so many sealed frames. */
  async *read(start: number, end: number, framesAtOnce: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end;) {
      const entry = await this.entryAt(at);
      const within = { from: at - entry.offset, to: Math.min(end - entry.offset, entry.length) };
      yield* this.readChunk(entry, within, framesAtOnce);
      at = entry.offset + within.to;
    }
  }

  /**
   * A frame that does not open is read again without the shards that lied, if any did and others can stand in. What fails
   * because the shards have moved meanwhile is read from where they lie now.
   */
  private async *readChunk(
    entry: ManifestEntry,
    span: { from: number; to: number },
    framesAtOnce: number,
  ): AsyncGenerator<Buffer> {
    let chunk = await this.shardsOf(entry);
    const opener = this.opener(entry, chunk.shards.rows[0] as ChunkRow);
    const {
      firstFrame,
      lastFrame,
      sealedOffset,
      sealedLength: length,
    } = opener.frameRange(span.from, span.to - span.from);
    const whole = sealedLength(entry.padded);
    let frame = firstFrame;
    for (let compared = false, looks = 0; ;) {
      const skipped = (frame - firstFrame) * SEALED_FRAME;
      const asked = { offset: sealedOffset + skipped, length: length - skipped };
      try {
        const pieces = chunk.reader.read(chunk.shards, whole, asked, framesAtOnce * SEALED_FRAME);
        for await (const sealed of regroup(pieces, frameLengths(asked.length, lastFrame - frame + 1))) {
          const plain = opener.openFrame(frame, sealed);
          const begins = frame * FRAME_LENGTH;
          yield plain.subarray(Math.max(0, span.from - begins), Math.min(plain.length, span.to - begins));
          frame += 1;
        }
        return;
      } catch (error) {
        const moved = looks < MOST_LOOKS ? await this.movedMeanwhile(entry, chunk, error) : null;
        if (moved) {
          chunk = moved;
          looks += 1;
          compared = false;
          continue;
        }
        if (!(error instanceof SealBroken)) throw error;
        if (compared || !(await chunk.reader.findLiars(chunk.shards))) throw new ContentDamaged();
        compared = true;
      }
    }
  }

  private opener(entry: ManifestEntry, row: ChunkRow): ChunkOpener {
    const { account, content, keys } = this.context;
    if (row.key_id !== entry.keyId) throw new SealBroken();
    const place = { account, content, chunk: entry.index, keyId: entry.keyId };
    const key = unwrapKey(keys.chunkWrap, row.wrapped_key, chunkKeyContext(place));
    const context = { account, content, index: entry.index, keyId: entry.keyId };
    const opener = new ChunkOpener(key, context, entry.header, entry.length, entry.padded);
    key.wipe();
    return opener;
  }

  private async entryAt(offset: number): Promise<ManifestEntry> {
    const { sql, account, content, keys, manifest } = this.context;
    const known = this.page.find((entry) => entry.offset <= offset && offset < entry.offset + entry.length);
    if (known) return known;
    const row = await pageAt(sql, account, content, offset);
    if (!row) throw new ContentDamaged();
    this.page = openManifestPage(keys.manifest, { account, content }, manifest, row.page, row.sealed);
    return chunksCovering(this.page, offset, 1)[0] as ManifestEntry;
  }

  /** Null where the shards lie where they were looked for, or the failure is none of theirs. */
  private async movedMeanwhile(entry: ManifestEntry, chunk: KnownChunk, error: unknown): Promise<KnownChunk | null> {
    if (!(error instanceof Fault)) return null;
    this.chunks.clear();
    const now = await this.shardsOf(entry);
    const before = new Set(chunk.shards.rows.map(({ blob }) => blob));
    return now.shards.rows.every(({ blob }) => before.has(blob)) ? null : now;
  }

  private async shardsOf(entry: ManifestEntry): Promise<KnownChunk> {
    const known = this.chunks.get(entry.index);
    if (known && performance.now() - this.readAt < ROWS_FRESH_MS) return known;
    const { sql, account, content } = this.context;
    const last = entry.index + CHUNKS_AHEAD - 1;
    const rows = await chunkRows(sql, { account, id: content }, entry.index, last);
    this.readAt = performance.now();
    this.chunks = new Map();
    for (const row of rows) {
      const chunk = this.chunks.get(row.index);
      if (chunk) chunk.shards.rows.push(row);
      else this.chunks.set(row.index, { shards: { rows: [row], failed: new Map() }, reader: this.readerFor(row) });
    }
    const found = this.chunks.get(entry.index);
    if (!found) throw new ContentDamaged();
    return found;
  }

  private readerFor({ data, parity }: Spread): ShardReader {
    const key = `${data}+${parity}`;
    const known = this.readers.get(key) ?? this.context.shards({ data, parity });
    this.readers.set(key, known);
    return known;
  }
}

/** The sealed lengths of the frames in a range: whole ones, and what remains for the last. */
function frameLengths(total: number, frames: number): number[] {
  const lengths = Array<number>(frames).fill(SEALED_FRAME);
  lengths[frames - 1] = total - (frames - 1) * SEALED_FRAME;
  return lengths;
}
