import { once } from 'node:events';
import type { Clock } from '#storage';

/** A place is given this long in any case: a large shard over a thin line is slow, and nothing is wrong with it. */
const LEAST_MS = 10_000;
const TIMES_SLOWER = 3;

/** How long the shards of one chunk take, and when the last of them was waited for long enough. */
export class ShardPace {
  private slowestMs = 0;
  private left: number;
  private readonly alone = Promise.withResolvers<void>();

  constructor(
    private readonly counts: { readonly shards: number; readonly parity: number },
    private readonly clock: Clock,
  ) {
    this.left = counts.shards;
  }

  /** A shard is durable; answers nothing that is waited for. */
  arrived(tookMs: number): void {
    this.slowestMs = Math.max(this.slowestMs, tookMs);
    this.left -= 1;
    if (this.left === 1 && this.counts.parity > 0) this.alone.resolve();
  }

  /**
   * Resolves when a shard that began then is the last one on its way, and has taken far longer than the slowest of the
   * others. Never where there is no parity. Rejects when it is aborted.
   */
  async tooLong(began: number, signal: AbortSignal): Promise<void> {
    await Promise.race([this.alone.promise, once(signal, 'abort')]);
    const most = Math.max(LEAST_MS, TIMES_SLOWER * this.slowestMs);
    signal.throwIfAborted();
    await this.clock.sleep(Math.max(0, began + most - this.clock.now()), signal);
  }
}
