import type { Readable } from 'node:stream';
import { BlobTruncated, ConnectionAway } from '../../errors.js';
import type { ByteRange } from '../../provider.js';
import { asS3Fault } from './s3-faults.js';
import type { Silence } from './silence.js';

export interface RangeAnswer {
  readonly body: Readable;
  readonly contentRange: string | undefined;
  readonly contentLength: number | undefined;
}

export interface Waiting {
  readonly silence: Silence;
  readonly idleMs: number;
  readonly signal: AbortSignal | undefined;
  readonly pieceLength: number;
}

/** Exactly the range that was asked for, whatever part the store sent: stores that know no ranges send everything. */
export async function* readAnswer(
  { body, contentRange, contentLength }: RangeAnswer,
  { offset, length }: ByteRange,
  waiting: Waiting,
): AsyncGenerator<Buffer> {
  try {
    const part = /^bytes (\d+)-\d+\/(\d+)$/.exec(contentRange ?? '');
    const start = part ? Number(part[1]) : 0;
    const total = part ? Number(part[2]) : contentLength;
    if (total !== undefined && offset + length > total) throw new BlobTruncated();
    if (start > offset) throw new ConnectionAway('The store gave another part than it was asked for.');
    let skip = offset - start;
    let left = length;
    for await (const chunk of chunksOf(body, waiting)) {
      const wanted = chunk.subarray(skip, skip + left);
      skip = Math.max(0, skip - chunk.length);
      left -= wanted.length;
      yield* cut(wanted, waiting);
      if (left === 0 && wanted.length < chunk.length) return;
    }
    if (left > 0)
      throw total === undefined ? new BlobTruncated() : new ConnectionAway('The store broke off its answer.');
  } finally {
    body.destroy();
  }
}

function* cut(bytes: Buffer, { pieceLength, signal }: Waiting): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceLength) {
    signal?.throwIfAborted();
    yield bytes.subarray(at, at + pieceLength);
  }
}

/** Only the time that the store takes counts as silence, not the reader's. */
async function* chunksOf(body: Readable, { silence, idleMs, signal }: Waiting): AsyncGenerator<Buffer> {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    silence.await(idleMs);
    let next: IteratorResult<Buffer>;
    try {
      next = await chunks.next();
    } catch (error) {
      signal?.throwIfAborted();
      silence.signal.throwIfAborted();
      throw asS3Fault(error);
    } finally {
      silence.rest();
    }
    if (next.done) return;
    yield next.value;
  }
}
