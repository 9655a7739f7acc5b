import { randomBytes } from 'node:crypto';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '#contracts';
import type { Allowance, ByteBudget } from './byte-budget.js';

/** How long an upload may stand in line for memory before it begins its chunk on disk instead. */
const PATIENCE_MS = 2_000;
/** How long a chunk may sit in memory unfinished: a client slower than this fills its chunk on disk. */
const MEMORY_AGE_MS = 3_000;
/** What is read back from disk at a time when the chunk goes out. */
const READ_PIECE = 256 * 1024;

export interface StageRoom {
  readonly budget: ByteBudget;
  /** What is in hand while it is written to a stage on disk. Held for one write, never while waiting for anything else. */
  readonly turns: ByteBudget;
  /** Where sealed bytes may wait when memory is short. Never plaintext. */
  readonly folder: string;
}

/** Some of a chunk's bytes. */
interface Part {
  readonly offset: number;
  readonly length: number;
}

/** The gateway's own disk did not take what had to wait on it. */
export class StagingFull extends Fault {
  override readonly retriable = true;

  constructor(options?: ErrorOptions) {
    super('The gateway has no room for uploads to wait at the moment.', options);
  }
}

/**
 * One sealed chunk on its way from the sealer to its connections. It waits in memory while that is
 * plenty and the client quick, else in a file: thousands of slow uploads hold next to no memory.
 * Whoever holds memory never waits for more: a chunk that has sat in memory for too long is written
 * out by a timer, with what it holds, whether or not its client ever sends again.
 */
export class SealedStage {
  private readonly held: Buffer[] = [];
  private total = 0;
  private file: FileHandle | null = null;
  private spilling: Promise<void> | null = null;
  private readonly timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly room: StageRoom,
    private readonly allowance: Allowance | null,
  ) {
    if (allowance) this.timer = setTimeout(() => void this.spill().catch(() => {}), MEMORY_AGE_MS);
  }

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

  /** Whether the next pieces will be kept in memory that was set aside for them. */
  get inMemory(): boolean {
    return this.allowance !== null && this.spilling === null;
  }

  /** Null when the pieces were kept in memory: the usual, quick case needs no turn of the event loop. */
  append(pieces: readonly Buffer[]): Promise<void> | null {
    for (const piece of pieces) this.total += piece.length;
    if (!this.inMemory) return this.write(pieces);
    for (const piece of pieces) this.held.push(piece);
    return null;
  }

  /** Resolves when the next piece may be sealed and appended; release what it gives after that. */
  async turn(bytes: number, signal: AbortSignal): Promise<Allowance | null> {
    if (this.inMemory) return null;
    await this.spill();
    return this.room.turns.take(Math.min(bytes, this.room.turns.limit), { signal });
  }

  /** The chunk is whole: what was set aside beyond its length is given back. */
  async complete(): Promise<void> {
    clearTimeout(this.timer);
    await this.spilling;
    if (!this.file) this.allowance?.shrink(this.total);
  }

  /** All bytes, or a part of them; from memory they are the very buffers that were appended, or parts of these. */
  pieces(part: Part = { offset: 0, length: this.total }): Iterable<Buffer> | AsyncIterable<Buffer> {
    return this.file ? readPieces(this.file, part) : heldPieces(this.held, part);
  }

  async release(): Promise<void> {
    clearTimeout(this.timer);
    await this.spilling?.catch(() => {});
    this.held.length = 0;
    this.allowance?.release();
    const file = this.file;
    this.file = null;
    await file?.close();
  }

  private async write(pieces: readonly Buffer[]): Promise<void> {
    await this.spill();
    await this.onFile((file) => writeAll(file, pieces));
  }

  /** Moves what is held to disk, once, and gives its memory back. */
  private spill(): Promise<void> {
    return (this.spilling ??= this.onFile(async (file) => {
      await writeAll(file, this.held);
      this.held.length = 0;
      this.allowance?.release();
    }));
  }

  private async onFile(work: (file: FileHandle) => Promise<void>): Promise<void> {
    try {
      this.file ??= await openNameless(this.room.folder);
      await work(this.file);
    } catch (error) {
      throw new StagingFull({ cause: error });
    }
  }
}

/** Unlinked at once: whatever ends the gateway, the system takes the file back. */
async function openNameless(folder: string): Promise<FileHandle> {
  const path = join(folder, `stage-${randomBytes(8).toString('hex')}`);
  const handle = await open(path, 'wx+', 0o600);
  await unlink(path).catch(async (error: unknown) => {
    await handle.close();
    throw error;
  });
  return handle;
}

async function writeAll(handle: FileHandle, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    for (let done = 0; done < piece.length;) {
      done += (await handle.write(piece, done, piece.length - done)).bytesWritten;
    }
  }
}

function* heldPieces(held: readonly Buffer[], { offset, length }: Part): Generator<Buffer> {
  let from = offset;
  let left = length;
  for (const piece of held) {
    if (left === 0) return;
    const part = from < piece.length ? piece.subarray(from, from + left) : null;
    from = Math.max(0, from - piece.length);
    left -= part?.length ?? 0;
    if (part) yield part;
  }
}

async function* readPieces(handle: FileHandle, { offset, length }: Part): AsyncGenerator<Buffer> {
  const end = offset + length;
  for (let at = offset; at < end;) {
    const piece = Buffer.allocUnsafeSlow(Math.min(READ_PIECE, end - at));
    const { bytesRead } = await handle.read(piece, 0, piece.length, at);
    if (bytesRead === 0) throw new Error('a staged chunk ended early');
    at += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}
