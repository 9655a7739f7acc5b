import type { IncomingMessage } from 'node:http';
import { BodyCutShort, SenderStalled } from './errors.js';

/** Less than this in a whole stall period is as good as nothing: a slow line is honest at 20 bytes a second. */
const HONEST_BYTES = 1024;

/**
 * A request's body as it comes, never faster than it is taken. Ends whole or throws: BodyCutShort
 * when the client went away, SenderStalled when we waited for it and next to nothing came, and the
 * signal's reason when whoever takes the bytes has no use for more. Time in which we did not ask
 * for bytes never counts against the client.
 */
export async function* readBody(
  request: IncomingMessage,
  options: { signal: AbortSignal; stallMs: number },
): AsyncGenerator<Buffer> {
  const { signal, stallMs } = options;
  const bell = new Bell();
  const events = ['readable', 'end', 'close', 'error'] as const;
  const ring = (): void => bell.ring();
  for (const event of events) request.on(event, ring);
  signal.addEventListener('abort', ring);
  let received = 0;
  let waitedMs = 0;
  try {
    for (;;) {
      signal.throwIfAborted();
      const piece = request.read() as Buffer | null;
      if (piece !== null) {
        received += piece.length;
        if (received >= HONEST_BYTES) received = waitedMs = 0;
        yield piece;
        continue;
      }
      if (request.complete && (request.readableEnded || request.readableLength === 0)) return;
      if (request.destroyed) throw new BodyCutShort();
      const before = performance.now();
      if (!(await bell.rings(stallMs - waitedMs))) throw new SenderStalled();
      waitedMs += performance.now() - before;
    }
  } finally {
    for (const event of events) request.off(event, ring);
    signal.removeEventListener('abort', ring);
  }
}

/** Wakes the one who waits; a ring that nobody waited for is remembered. */
class Bell {
  private rung = false;
  private wake: ((rang: boolean) => void) | null = null;

  ring(): void {
    this.rung = true;
    this.wake?.(true);
  }

  /** False when nothing rang for so long. */
  async rings(withinMs: number): Promise<boolean> {
    if (!this.rung) {
      if (withinMs <= 0) return false;
      let timer: NodeJS.Timeout | undefined;
      const rang = await new Promise<boolean>((resolve) => {
        this.wake = resolve;
        timer = setTimeout(resolve, withinMs, false);
      });
      clearTimeout(timer);
      this.wake = null;
      if (!rang) return false;
    }
    this.rung = false;
    return true;
  }
}
