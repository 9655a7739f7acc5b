import type { ServerResponse } from 'node:http';
import type { Allowance, ByteBudget } from '#chunks';
import { FRAME_LENGTH, TAG_LENGTH } from '#crypto';
import type { ByteBudgets } from './byte-budgets.js';
import type { ByteSpan } from './range.js';

const SEALED_FRAME = FRAME_LENGTH + TAG_LENGTH;
/** About a mebibyte at a time: large enough for a disk or a cloud, small beside the budget. */
const FRAMES_AT_ONCE = 16;
/** A client that lets a frame wait longer than this is served one frame at a time, from the slow ones' budget. */
const SLOW_MS = 250;
/** After so many frames that did not wait, it counts as quick again. */
const QUICK_FRAMES = 32;

export interface ReadableContent {
  /** Plaintext of `[start, end)`, in pieces of at most a frame, fetched in pieces of at most so many. */
  read(start: number, end: number, framesAtOnce: number): AsyncGenerator<Buffer>;
}

export interface Delivery {
  readonly budgets: ByteBudgets;
  readonly stallMs: number;
  readonly begin: () => void;
  /** Told of all plaintext, in order. */
  readonly seen?: (plain: Buffer) => void;
  /** More will be written to the response. */
  readonly goesOn?: boolean;
}

/**
 * Writes a span of a content to a client. Memory is granted for a batch of frames and given back
 * after it, so that downloads take turns however long they are; what a slow client does not take is
 * dropped and fetched again later, so that it waits sealed, on its connection, but for the one frame
 * that its socket holds. `begin` is called when the first frame has been opened: a damaged content
 * is still an error then, not half an answer.
 */
export async function deliver(
  reader: ReadableContent,
  span: ByteSpan,
  response: ServerResponse,
  options: Delivery,
): Promise<void> {
  const { budgets, stallMs, begin } = options;
  using gone = watch(response);
  let at = span.start;
  let quick = QUICK_FRAMES;
  while (at < span.end) {
    const slow = quick < QUICK_FRAMES;
    const frames = Math.min(slow ? 1 : FRAMES_AT_ONCE, Math.ceil((span.end - at) / FRAME_LENGTH));
    const end = Math.min(span.end, at + frames * FRAME_LENGTH);
    using held = await grant(slow ? budgets.slowDownloads : budgets.downloads, frames, gone.signal);
    for await (const plain of reader.read(at, end, frames)) {
      if (at === span.start) begin();
      at += plain.length;
      options.seen?.(plain);
      if (response.write(plain) || (await drained(response, SLOW_MS, gone.signal))) {
        quick += 1;
        continue;
      }
      quick = 0;
      break;
    }
    if (quick > 0) continue;
    held.release();
    if (response.writableNeedDrain && !(await drained(response, stallMs, gone.signal))) response.destroy();
    gone.signal.throwIfAborted();
  }
  if (!options.goesOn) response.end();
}

/** Writes a few bytes, and waits for a client that is slow to take what was written before. */
export async function writeOut(response: ServerResponse, bytes: Buffer, stallMs: number): Promise<void> {
  using gone = watch(response);
  gone.signal.throwIfAborted();
  if (!response.write(bytes) && !(await drained(response, stallMs, gone.signal))) response.destroy();
  gone.signal.throwIfAborted();
}

/** A sealed frame more than asked for, since a span need not begin where a frame does; and the one that is plain. */
async function grant(budget: ByteBudget, frames: number, signal: AbortSignal): Promise<Allowance> {
  const wish = Math.min((frames + 2) * SEALED_FRAME, budget.limit);
  return (await budget.take(wish, { signal })) as Allowance;
}

/** Whether the client took all that was written to it within this time. Throws when it went away. */
async function drained(response: ServerResponse, withinMs: number, signal: AbortSignal): Promise<boolean> {
  let wake: (taken: boolean) => void = () => {};
  const take = (): void => wake(true);
  const late = (): void => wake(false);
  const timer = setTimeout(late, withinMs);
  response.once('drain', take).once('close', late);
  const taken = await new Promise<boolean>((resolve) => (wake = resolve));
  clearTimeout(timer);
  response.off('drain', take).off('close', late);
  signal.throwIfAborted();
  return taken;
}

function watch(response: ServerResponse): Disposable & { signal: AbortSignal } {
  const gone = new AbortController();
  const close = (): void => gone.abort();
  if (response.destroyed) gone.abort();
  response.once('close', close);
  return { signal: gone.signal, [Symbol.dispose]: () => void response.off('close', close) };
}
