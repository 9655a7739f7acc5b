import { createHash } from 'node:crypto';
import type { Request } from 'express';
import { BodyCutShort, ChecksumMismatch, readBody, SenderStalled, UploadTooLong } from '../../transfers/index.js';
import type { Checksum } from './tus-headers.js';

/**
 * A part as it comes. That it ends early is no failure here: what came is kept, and the client goes on from there. More
 * than fits is one, and so is a checksum that does not fit.
 */
export class PartBody {
  /** Why it ended early, if it did. */
  cut: BodyCutShort | SenderStalled | null = null;
  private readonly hash;

  constructor(
    private readonly request: Request,
    private readonly expected: { readonly most: number | null; readonly checksum: Checksum | null },
    private readonly stallMs: number,
  ) {
    this.hash = expected.checksum && createHash(expected.checksum.algorithm);
    const told = Number(request.headers['content-length'] ?? 0);
    if (expected.most !== null && told > expected.most) throw new UploadTooLong();
  }

  async *pieces(signal: AbortSignal): AsyncGenerator<Buffer> {
    let received = 0;
    try {
      for await (const piece of readBody(this.request, { signal, stallMs: this.stallMs })) {
        received += piece.length;
        if (this.expected.most !== null && received > this.expected.most) throw new UploadTooLong();
        this.hash?.update(piece);
        yield piece;
      }
    } catch (error) {
      if (!(error instanceof BodyCutShort) && !(error instanceof SenderStalled)) throw error;
      this.cut = error;
    }
  }

  /** Null where no checksum was sent. */
  get verify(): (() => void) | null {
    const { hash, expected } = this;
    if (!hash || !expected.checksum) return null;
    const { digest } = expected.checksum;
    return () => {
      if (this.cut) throw this.cut;
      if (!hash.digest().equals(digest)) throw new ChecksumMismatch();
    };
  }
}
