import type { FileHandle } from 'node:fs/promises';
import { unless } from './disk-faults.js';
import { type Disk, readFlags } from './disk.js';

const compared = 1024 * 1024;

/** Reads until the buffer is full or the file ends; how much it was. */
export async function readFill(handle: FileHandle, into: Buffer, position: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const { bytesRead } = await handle.read(into, filled, into.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

export async function sameBytes(disk: Disk, mine: string, theirs: string): Promise<boolean> {
  const left = await disk.open(mine, readFlags);
  try {
    const right = await unless(['ELOOP', 'ENXIO'], disk.open(theirs, readFlags), null);
    if (!right) return false;
    try {
      return await sameContents(left, right);
    } finally {
      await right.close();
    }
  } finally {
    await left.close();
  }
}

async function sameContents(left: FileHandle, right: FileHandle): Promise<boolean> {
  const [a, b] = await Promise.all([left.stat(), right.stat()]);
  if (!b.isFile() || a.size !== b.size) return false;
  const pieces = [
    Buffer.allocUnsafe(Math.min(compared, a.size)),
    Buffer.allocUnsafe(Math.min(compared, a.size)),
  ] as const;
  for (let at = 0; at < a.size; at += compared) {
    const lengths = await Promise.all([readFill(left, pieces[0], at), readFill(right, pieces[1], at)]);
    const length = Math.min(compared, a.size - at);
    if (lengths[0] < length || lengths[1] < length) return false;
    if (!pieces[0].subarray(0, length).equals(pieces[1].subarray(0, length))) return false;
  }
  return true;
}
