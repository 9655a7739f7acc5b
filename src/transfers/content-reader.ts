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
import { chunkRows, ContentDamaged, pageAt, type ChunkRow } from '../contents/index.js';
import type { Sql } from '../database/index.js';
import type { ContentKeys } from '../keys/index.js';
import { chunkKeyContext } from './chunk-key.js';
import type { ShardReader } from './shard-reader.js';
import type { ChunkShards } from './shard-streams.js';

const SEALED_FRAME = FRAME_LENGTH + TAG_LENGTH;
/** Rows of so many chunks are looked up at once while reading on. */
const CHUNKS_AHEAD = 32;

export interface ReadingContext {
  readonly sql: Sql;
  readonly account: string;
  readonly content: string;
  readonly keys: ContentKeys;
  readonly manifest: ManifestHeader;
  readonly shards: ShardReader;
}

/** Opens any range of a content, a frame at a time; nothing leaves before its tag was checked. */
export class ContentReader {
  private page: ManifestEntry[] = [];
  private chunks = new Map<number, ChunkShards>();

  constructor(private readonly context: ReadingContext) {}

  private get shards(): ShardReader {
    return this.context.shards;
  }

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

  /** A frame that does not open is read again without the shards that lied, if any did and others can stand in. */
  private async *readChunk(
    entry: ManifestEntry,
    span: { from: number; to: number },
    framesAtOnce: number,
  ): AsyncGenerator<Buffer> {
    const chunk = await this.shardsOf(entry);
    const opener = this.opener(entry, chunk.rows[0] as ChunkRow);
    const {
      firstFrame,
      lastFrame,
      sealedOffset,
      sealedLength: length,
    } = opener.frameRange(span.from, span.to - span.from);
    const whole = sealedLength(entry.padded);
    let frame = firstFrame;
    for (let compared = false; ;) {
      const skipped = (frame - firstFrame) * SEALED_FRAME;
      const asked = { offset: sealedOffset + skipped, length: length - skipped };
      try {
        const pieces = this.shards.read(chunk, whole, asked, framesAtOnce * SEALED_FRAME);
        for await (const sealed of regroup(pieces, frameLengths(asked.length, lastFrame - frame + 1))) {
          const plain = opener.openFrame(frame, sealed);
          const begins = frame * FRAME_LENGTH;
          yield plain.subarray(Math.max(0, span.from - begins), Math.min(plain.length, span.to - begins));
          frame += 1;
        }
        return;
      } catch (error) {
        if (!(error instanceof SealBroken)) throw error;
        if (compared || !(await this.shards.findLiars(chunk))) throw new ContentDamaged();
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

  private async shardsOf(entry: ManifestEntry): Promise<ChunkShards> {
    const known = this.chunks.get(entry.index);
    if (known) return known;
    const { sql, account, content } = this.context;
    const last = entry.index + CHUNKS_AHEAD - 1;
    const rows = await chunkRows(sql, { account, id: content }, entry.index, last);
    this.chunks = new Map();
    for (const row of rows) {
      const chunk = this.chunks.get(row.index);
      if (chunk) chunk.rows.push(row);
      else this.chunks.set(row.index, { rows: [row], failed: new Map() });
    }
    const found = this.chunks.get(entry.index);
    if (!found) throw new ContentDamaged();
    return found;
  }
}

/** The sealed lengths of the frames in a range: whole ones, and what remains for the last. */
function frameLengths(total: number, frames: number): number[] {
  const lengths = Array<number>(frames).fill(SEALED_FRAME);
  lengths[frames - 1] = total - (frames - 1) * SEALED_FRAME;
  return lengths;
}
