import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { BlobTruncated, ConnectionAway } from '../../errors.js';
import type { Answer } from '../../outbound/index.js';
import type { ByteRange } from '../../provider.js';

/** Exactly the range that was asked for, in pieces of at most `longest`; from a whole file too, should Drive send one. */
export async function* readBlob(
  answer: Answer,
  { offset, length }: ByteRange,
  longest: number,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const bytes = await unpacked(answer);
  try {
    const { start, total } = partOf(answer);
    if (total !== null && offset + length > total) throw new BlobTruncated();
    if (start > offset) throw new ConnectionAway('Google Drive gave another part than it was asked for.');
    let skip = offset - start;
    let left = length;
    for await (const piece of bytes) {
      const wanted = piece.subarray(skip, skip + left);
      skip = Math.max(0, skip - piece.length);
      left -= wanted.length;
      for (let at = 0; at < wanted.length; at += longest) {
        signal?.throwIfAborted();
        yield wanted.subarray(at, at + longest);
      }
      if (left === 0) break;
    }
    if (left > 0) throw total === null ? new BlobTruncated() : new ConnectionAway('Google Drive broke off its answer.');
  } finally {
    // Ends the answer's own generator too, and with it the socket.
    await bytes.return?.(undefined);
  }
}

function partOf(answer: Answer): { start: number; total: number | null } {
  const told = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(answer.header('content-range') ?? '');
  if (told) return { start: Number(told[1]), total: Number(told[2]) };
  if (answer.status === 206) throw new ConnectionAway('Google Drive does not say which part it sends.');
  // A compressed body is as long as it is; only its end tells.
  if (answer.header('content-encoding') !== null) return { start: 0, total: null };
  const length = Number(answer.header('content-length') ?? Number.NaN);
  return { start: 0, total: Number.isSafeInteger(length) ? length : null };
}

/** We ask for the bytes as they are, and Google may send them compressed all the same. */
async function unpacked(answer: Answer): Promise<AsyncGenerator<Buffer>> {
  const encoding = answer.header('content-encoding') ?? 'identity';
  if (encoding === 'identity') return answer.pieces();
  if (encoding === 'gzip') return gunzipped(answer);
  await answer.discard();
  throw new ConnectionAway('What Google sent cannot be read.');
}

async function* gunzipped(answer: Answer): AsyncGenerator<Buffer> {
  const source = Readable.from(answer.pieces(), { objectMode: false });
  const gunzip = createGunzip();
  source.on('error', (error) => gunzip.destroy(error));
  try {
    for await (const piece of source.pipe(gunzip)) yield piece as Buffer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith('Z_') !== true) throw error;
    throw new ConnectionAway('What Google sent cannot be read.');
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}
