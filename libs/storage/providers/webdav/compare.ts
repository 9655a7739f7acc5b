import { BlobMismatch, BodyLengthWrong } from '../../errors.js';
import type { BlobBody } from '../../provider.js';

/** Holds what lies there against a body of the same length, piece by piece. Throws BlobMismatch at the first difference. */
export async function requireSame(there: AsyncIterable<Buffer>, body: BlobBody): Promise<void> {
  const mine = readerOf(body.pieces());
  for await (const piece of there) {
    for (let at = 0; at < piece.length;) {
      const own = await mine.upTo(piece.length - at);
      if (own.length === 0) throw new BodyLengthWrong();
      if (!own.equals(piece.subarray(at, at + own.length))) throw new BlobMismatch();
      at += own.length;
    }
  }
  if ((await mine.upTo(1)).length > 0) throw new BodyLengthWrong();
}

function readerOf(pieces: Iterable<Buffer> | AsyncIterable<Buffer>) {
  const iterator = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
  let held: Buffer = Buffer.alloc(0);
  return {
    /** Empty when there is no more. */
    async upTo(length: number): Promise<Buffer> {
      while (held.length === 0) {
        const next = await iterator.next();
        if (next.done) return held;
        held = next.value;
      }
      const given = held.subarray(0, length);
      held = held.subarray(given.length);
      return given;
    },
  };
}
