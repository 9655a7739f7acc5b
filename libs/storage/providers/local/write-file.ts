import type { FileHandle } from 'node:fs/promises';
import { BodyLengthWrong } from '../../errors.js';
import type { BlobBody } from '../../provider.js';
import { createFlags, type Disk, fileMode } from './disk.js';

/** One call carries about this much: beyond it, fewer calls save nothing. */
const batchLength = 1024 * 1024;
/** POSIX lets a system refuse more than 1,024 buffers in a call (IOV_MAX on Linux and macOS). */
const batchPieces = 1024;

/** A new file with the bytes of `body`, flushed to the disk. Refuses to touch a file that is there. */
export async function writeNewFile(disk: Disk, path: string, body: BlobBody, signal?: AbortSignal): Promise<void> {
  const handle = await disk.open(path, createFlags, fileMode);
  try {
    await writeAll(handle, body, signal);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, body: BlobBody, signal?: AbortSignal): Promise<void> {
  let batch: Buffer[] = [];
  let gathered = 0;
  let total = 0;
  for await (const piece of body.pieces()) {
    signal?.throwIfAborted();
    if (piece.length === 0) continue;
    total += piece.length;
    if (total > body.length) break;
    batch.push(piece);
    gathered += piece.length;
    if (gathered < batchLength && batch.length < batchPieces) continue;
    await writeBatch(handle, batch, gathered);
    batch = [];
    gathered = 0;
  }
  if (total !== body.length) throw new BodyLengthWrong();
  if (gathered > 0) await writeBatch(handle, batch, gathered);
  signal?.throwIfAborted();
}

async function writeBatch(handle: FileHandle, pieces: Buffer[], length: number): Promise<void> {
  let rest = pieces;
  for (let left = length; left > 0;) {
    const { bytesWritten } = await handle.writev(rest);
    left -= bytesWritten;
    if (left > 0) rest = withoutFirst(rest, bytesWritten);
  }
}

function withoutFirst(pieces: Buffer[], bytes: number): Buffer[] {
  let skip = bytes;
  let index = 0;
  while (index < pieces.length && skip >= pieces[index]!.length) skip -= pieces[index++]!.length;
  const rest = pieces.slice(index);
  if (rest[0]) rest[0] = rest[0].subarray(skip);
  return rest;
}
