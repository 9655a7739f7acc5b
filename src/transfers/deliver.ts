import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { FRAME_LENGTH, TAG_LENGTH } from '#crypto';
import type { ByteBudgets } from './byte-budgets.js';
import type { ContentReader } from './content-reader.js';
import type { ByteSpan } from './range.js';

const SEALED_FRAME = FRAME_LENGTH + TAG_LENGTH;
/** About a mebibyte at a time: large enough for a disk or a cloud, small beside the budget. */
const FRAMES_AT_ONCE = 16;
/** A client that lets a frame wait longer than this is served one frame at a time, from the slow ones' budget. */
const SLOW_MS = 500;
/** After so many frames that did not wait, it counts as quick again. */
const QUICK_FRAMES = 32;

/**
 * Writes a span of a content to a client, never opening a frame before the one before it has left
 * our hands: what waits for a slow client waits sealed, on its connection. `begin` is called when
 * the first frame has been opened, so that a damaged content is still an error, not half an answer.
 */
export async function deliver(
  reader: ContentReader,
  span: ByteSpan,
  response: ServerResponse,
  options: { budgets: ByteBudgets; stallMs: number; begin: () => void },
): Promise<void> {
  const { budgets, stallMs, begin } = options;
  using gone = watch(response);
  let at = span.start;
  let quick = QUICK_FRAMES;
  while (at < span.end) {
    const slow = quick < QUICK_FRAMES;
    const frames = slow ? 1 : FRAMES_AT_ONCE;
    const budget = slow ? budgets.slowDownloads : budgets.downloads;
    using _held = await budget.take((frames + 1) * SEALED_FRAME, { signal: gone.signal });
    const end = slow ? Math.min(span.end, at + FRAME_LENGTH) : span.end;
    for await (const plain of reader.read(at, end, frames)) {
      if (at === span.start) begin();
      at += plain.length;
      const waited = response.write(plain) ? 0 : await drained(response, stallMs, gone.signal);
      quick = waited > SLOW_MS ? 0 : quick + 1;
      if (quick === 0) break;
    }
  }
  response.end();
}

/** How long the client took to take what was written; throws when it went away or took nothing for too long. */
async function drained(response: ServerResponse, stallMs: number, signal: AbortSignal): Promise<number> {
  const before = performance.now();
  const stall = setTimeout(() => response.destroy(), stallMs);
  try {
    await once(response, 'drain', { signal });
  } finally {
    clearTimeout(stall);
  }
  return performance.now() - before;
}

function watch(response: ServerResponse): Disposable & { signal: AbortSignal } {
  const gone = new AbortController();
  const close = (): void => gone.abort();
  if (response.destroyed) gone.abort();
  response.once('close', close);
  return { signal: gone.signal, [Symbol.dispose]: () => void response.off('close', close) };
}
