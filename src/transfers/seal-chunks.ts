import { randomUUIDv7 } from 'node:crypto';
import { type ByteBudget, SealedStage, type StageRoom } from '#chunks';
import { ChunkSealer, FRAME_LENGTH, paddedLength, SecretKey, sealedLength, wrapKey, type ManifestEntry } from '#crypto';
import { ShardDigest } from '#dispersal';
import type { ContentKeys } from '../keys/index.js';
import { chunkKeyContext } from './chunk-key.js';
import { BodyCutShort, BodyTooLong } from './errors.js';
import type { PlainHash } from './plain-hash.js';

/** A whole sealed chunk, waiting in its stage to be sent. */
export interface SealedChunk {
  readonly entry: ManifestEntry;
  readonly wrappedKey: Buffer;
  /** Of the whole sealed chunk, where its shards are copies of it. */
  readonly digest: Buffer | null;
  readonly stage: SealedStage;
  /** How far the plaintext's hash had come with this chunk's last byte, where it can be told. */
  readonly hashState: Buffer | null;
}

export interface SealingContext {
  readonly account: string;
  readonly content: string;
  readonly keys: ContentKeys;
  readonly chunkLength: number;
  /** Undefined when the client did not say. */
  readonly total: number | undefined;
  readonly room: StageRoom;
  /** Where a body of unknown length has to be granted the frame that it holds back. */
  readonly frames: ByteBudget;
  /** Whether each shard will be the whole chunk: then its digest is counted while it is sealed. */
  readonly copies: boolean;
  readonly signal: AbortSignal;
  /** Where an upload goes on that was begun before. */
  readonly from?: { readonly index: number; readonly offset: number };
  readonly hash: PlainHash;
}

/** The plaintext's hash, complete when the chunks are. */
export interface BodyHash {
  sha256(): Buffer;
  readonly length: number;
}

/**
 * Cuts a body into chunks and seals each under a key of its own as its bytes arrive. Where the
 * length is known, every byte is encrypted the moment it comes; where it is not, up to a frame waits.
 * Whoever takes a chunk releases its stage; a chunk that is not finished is released here.
 */
export class ChunkCutter implements BodyHash {
  private offset: number;
  private index: number;
  private current: OpenChunk | null = null;

  constructor(private readonly context: SealingContext) {
    ({ index: this.index, offset: this.offset } = context.from ?? { index: 0, offset: 0 });
  }

  get length(): number {
    return this.offset + (this.current?.sealer.plainLength ?? 0);
  }

  sha256(): Buffer {
    return this.context.hash.digest();
  }

  async *chunks(body: AsyncIterable<Buffer>): AsyncGenerator<SealedChunk> {
    const { total, frames, signal, hash } = this.context;
    using _held = total === undefined ? await frames.take(FRAME_LENGTH, { signal }) : null;
    try {
      for await (const piece of body) {
        // A length that came in a header of its own is held to by nobody but us.
        if (total !== undefined && this.length + piece.length > total) throw new BodyTooLong();
        for (let rest = piece; rest.length > 0;) {
          const current = this.current ?? (await this.begin());
          const taken = rest.subarray(0, current.target - current.sealer.plainLength);
          rest = rest.subarray(taken.length);
          hash.update(taken);
          await current.add(taken, signal);
          if (current.sealer.plainLength === current.target) yield await this.finish(current);
        }
      }
      if (total !== undefined && this.length !== total) throw new BodyCutShort();
      if (this.current) yield await this.finish(this.current);
    } finally {
      await this.current?.stage.release();
    }
  }

  /** It is ours to release from its first byte on: a disk may be full by then. */
  private async begin(): Promise<OpenChunk> {
    const { account, content, chunkLength, total, room, signal } = this.context;
    const keyId = randomUUIDv7();
    const key = SecretKey.random();
    const context = chunkKeyContext({ account, content, chunk: this.index, keyId });
    const wrappedKey = wrapKey(this.context.keys.chunkWrap, key, context);
    const left = total === undefined ? chunkLength : total - this.offset;
    const target = Math.min(chunkLength, left);
    const last = total !== undefined && left <= chunkLength;
    const padded = last ? paddedLength(target, chunkLength) : target;
    const lengths = total === undefined ? {} : { plainLength: target, paddedLength: padded };
    const sealer = new ChunkSealer(key, { account, content, index: this.index, keyId }, lengths);
    key.wipe();
    const stage = await SealedStage.open(room, sealedLength(padded), signal);
    const digest = this.context.copies ? new ShardDigest() : null;
    this.current = new OpenChunk(sealer, stage, { keyId, wrappedKey, target, digest });
    await this.current.keep([sealer.header]);
    return this.current;
  }

  private async finish(chunk: OpenChunk): Promise<SealedChunk> {
    const length = chunk.sealer.plainLength;
    const whole = length === this.context.chunkLength;
    const last = this.context.total === undefined ? !whole : this.offset + length === this.context.total;
    const padded = last ? paddedLength(length, this.context.chunkLength) : length;
    await chunk.keep(chunk.sealer.finish(padded));
    await chunk.stage.complete();
    const { keyId, wrappedKey, digest } = chunk.identity;
    const entry = { index: this.index, offset: this.offset, length, padded, keyId, header: chunk.sealer.header };
    this.offset += length;
    this.index += 1;
    this.current = null;
    const hashState = this.context.hash.state();
    return { entry, wrappedKey, digest: digest?.digest() ?? null, stage: chunk.stage, hashState };
  }
}

/** The chunk that is being filled. */
class OpenChunk {
  constructor(
    readonly sealer: ChunkSealer,
    readonly stage: SealedStage,
    readonly identity: { keyId: string; wrappedKey: Buffer; target: number; digest: ShardDigest | null },
  ) {}

  get target(): number {
    return this.identity.target;
  }

  /** On disk the sealed piece is in memory only until it is written, and takes turns for that. */
  async add(plain: Buffer, signal: AbortSignal): Promise<void> {
    using _turn = this.stage.inMemory ? null : await this.stage.turn(plain.length, signal);
    await this.keep(this.sealer.update(plain));
  }

  keep(pieces: Buffer[]): Promise<void> | null {
    for (const piece of pieces) this.identity.digest?.update(piece);
    return this.stage.append(pieces);
  }
}
