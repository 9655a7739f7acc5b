import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../clock.js';

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Time that a test moves on: whoever sleeps wakes in order, and has done its work before the next one wakes. */
export class VirtualClock implements Clock {
  private time = 0;
  private readonly sleepers = new Set<Sleeper>();

  now(): number {
    return this.time;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { at: this.time + ms, wake: resolve };
    this.sleepers.add(sleeper);
    const abort = (): void => reject(signal?.reason as Error);
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    return promise.finally(() => {
      this.sleepers.delete(sleeper);
      signal?.removeEventListener('abort', abort);
    });
  }

  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      await settled();
      const [next] = [...this.sleepers].sort((a, b) => a.at - b.at);
      if (!next || next.at > end) break;
      this.time = Math.max(this.time, next.at);
      next.wake();
    }
    this.time = end;
    await settled();
  }
}

/** Everything that can happen without time has happened. */
async function settled(): Promise<void> {
  for (let i = 0; i < 3; i += 1) await turn();
}
