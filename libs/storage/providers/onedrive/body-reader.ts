import { BodyLengthWrong } from '../../errors.js';
import type { BlobBody } from '../../provider.js';
import { QuickXorHash } from './quick-xor-hash.js';

type Pieces = AsyncIterator<Buffer> | Iterator<Buffer>;

/**
 * Reads a body part by part, in order, and from an earlier place once more where the other side has lost something: the
 * body then begins afresh. Hashes each byte the first time that it passes.
 */
export class BodyReader {
  private source: Pieces | null = null;
  /** Where the next byte of `source` lies in the body, when `held` was given. */
  private at = 0;
  private held: Buffer = Buffer.alloc(0);
  private readonly hash = new QuickXorHash();
  private hashed = 0;

  constructor(private readonly body: BlobBody) {}

  /** The bytes from here to there. The last part ends only when the body does. One part at a time. */
  part(from: number, to: number): BlobBody {
    return { length: to - from, pieces: () => this.read(from, to) };
  }

  /** The hash of the whole body, what was not read of it yet included. Throws BodyLengthWrong. */
  async digest(): Promise<string> {
    if (this.hashed < this.body.length) for await (const _ of this.read(this.hashed, this.body.length));
    return this.hash.digest();
  }

  async close(): Promise<void> {
    const { source } = this;
    this.source = null;
    await source?.return?.();
  }

  private async *read(from: number, to: number): AsyncGenerator<Buffer> {
    if (this.source === null || this.at > from) await this.begin();
    while (this.at < to) {
      const piece = await this.next();
      if (piece === null) throw new BodyLengthWrong();
      const wanted = Math.max(from - this.at, 0);
      const own = piece.subarray(0, to - this.at);
      this.held = piece.subarray(own.length);
      this.at += own.length;
      this.take(own);
      if (own.length > wanted) yield own.subarray(wanted);
    }
    if (to === this.body.length && (await this.next()) !== null) throw new BodyLengthWrong();
  }

  private take(piece: Buffer): void {
    const fresh = Math.min(this.at - this.hashed, piece.length);
    if (fresh <= 0) return;
    this.hash.update(piece.subarray(piece.length - fresh));
    this.hashed = this.at;
  }

  private async begin(): Promise<void> {
    await this.close();
    const pieces = this.body.pieces();
    this.source = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
    this.at = 0;
    this.held = Buffer.alloc(0);
  }

  private async next(): Promise<Buffer | null> {
    while (this.held.length === 0) {
      const next = await this.source?.next();
      if (!next || next.done) return null;
      this.held = next.value;
    }
    return this.held;
  }
}
