import { randomBytes } from 'node:crypto';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Allowance, ByteBudget } from './byte-budget.js';

/** How long an upload may stand in line for memory before it begins its chunk on disk instead. */
const PATIENCE_MS = 2_000;
/** How long a chunk may sit in memory unfinished: a client slower than this fills its chunk on disk. */
const MEMORY_AGE_MS = 3_000;
/** What is read back from disk at a time when the chunk goes out. */
const READ_PIECE = 256 * 1024;

export interface StageRoom {
  readonly budget: ByteBudget;
  /** Where sealed bytes may wait when memory is short. Never plaintext. */
  readonly folder: string;
}

/**
 * One sealed chunk on its way from the sealer to its connections. It waits in memory while that is
 * plenty and the client quick, else in a file: thousands of slow uploads hold next to no memory,
 * and nobody who holds memory waits for more of it, so the budget cannot deadlock.
 */
export class SealedStage {
  private readonly held: Buffer[] = [];
  private total = 0;
  private file: { handle: FileHandle; path: string } | null = null;
  private readonly begunAt = performance.now();

  private constructor(
    private readonly room: StageRoom,
    private readonly allowance: Allowance | null,
  ) {}

  /** Opens a stage for a chunk of at most so many sealed bytes, all of which are set aside at once. */
  static async open(room: StageRoom, most: number, signal?: AbortSignal): Promise<SealedStage> {
    const wish = { patienceMs: PATIENCE_MS, ...(signal ? { signal } : {}) };
    return new SealedStage(room, most > room.budget.limit ? null : await room.budget.take(most, wish));
  }

  get length(): number {
    return this.total;
  }

  get onDisk(): boolean {
    return this.file !== null;
  }

  /** Null when the pieces were kept in memory: the usual, quick case needs no turn of the event loop. */
  append(pieces: readonly Buffer[]): Promise<void> | null {
    for (const piece of pieces) this.total += piece.length;
    if (this.inMemory) {
      for (const piece of pieces) this.held.push(piece);
      return null;
    }
    return this.write(pieces);
  }

  /** The chunk is whole: what was set aside beyond its length is given back. */
  complete(): void {
    if (!this.file) this.allowance?.shrink(this.total);
  }

  pieces(): Iterable<Buffer> | AsyncIterable<Buffer> {
    return this.file ? readPieces(this.file.handle, this.total) : this.held;
  }

  async release(): Promise<void> {
    this.held.length = 0;
    this.allowance?.release();
    const file = this.file;
    this.file = null;
    await file?.handle.close();
  }

  /** Whether the next pieces will be kept in memory that was set aside for them. */
  get inMemory(): boolean {
    return this.file === null && this.allowance !== null && performance.now() - this.begunAt < MEMORY_AGE_MS;
  }

  private async write(pieces: readonly Buffer[]): Promise<void> {
    this.file ??= await openNameless(this.room.folder);
    if (this.held.length > 0) {
      await writeAll(this.file.handle, this.held);
      this.held.length = 0;
    }
    this.allowance?.release();
    await writeAll(this.file.handle, pieces);
  }
}

/** Unlinked at once: whatever ends the gateway, the system takes the file back. */
async function openNameless(folder: string): Promise<{ handle: FileHandle; path: string }> {
  const path = join(folder, `stage-${randomBytes(8).toString('hex')}`);
  const handle = await open(path, 'wx+', 0o600);
  await unlink(path).catch(async (error: unknown) => {
    await handle.close();
    throw error;
  });
  return { handle, path };
}

async function writeAll(handle: FileHandle, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    for (let done = 0; done < piece.length;) {
      done += (await handle.write(piece, done, piece.length - done)).bytesWritten;
    }
  }
}

async function* readPieces(handle: FileHandle, total: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < total;) {
    const piece = Buffer.allocUnsafeSlow(Math.min(READ_PIECE, total - at));
    const { bytesRead } = await handle.read(piece, 0, piece.length, at);
    if (bytesRead === 0) throw new Error('a staged chunk ended early');
    at += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}
