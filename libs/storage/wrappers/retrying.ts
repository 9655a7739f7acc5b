import { randomInt } from 'node:crypto';
import { Fault } from '#contracts';
import { type Clock, systemClock } from '../clock.js';
import { StorageFault } from '../errors.js';
import type { BlobName, ByteRange, GetOptions, StorageProvider } from '../provider.js';

export interface RetryBudget {
  /** Calls in all, the first included. */
  readonly attempts: number;
  /** No wait is begun that would end later than this after the first failure. */
  readonly totalMs: number;
  readonly baseMs: number;
  readonly capMs: number;
  /** A single wait that would be longer is not begun. */
  readonly longestWaitMs?: number;
}

/** What clients that have lived with these providers for years converged on. */
export const usualRetryBudget: RetryBudget = { attempts: 7, totalMs: 600_000, baseMs: 500, capMs: 32_000 };

/** For what can go elsewhere: a hiccup is sat out, and nothing more. */
export const briskRetryBudget: RetryBudget = {
  attempts: 3,
  totalMs: 10_000,
  baseMs: 500,
  capMs: 2_000,
  longestWaitMs: 2_000,
};

export interface RetryOptions {
  readonly clock?: Clock;
  /** A number in [0, 1). */
  readonly random?: () => number;
  readonly budget?: Partial<RetryBudget>;
  /** Another one for naming and putting blobs. */
  readonly writing?: Partial<RetryBudget>;
  /** When it aborts, nobody waits for another try any more: the fault goes to the caller at once. */
  readonly stop?: AbortSignal;
}

/**
 * Calls again after a retriable fault: exponential back-off with full jitter, never inside a
 * `retryAfter`, within a bounded number of attempts and a bounded time. When the budget is spent, or
 * cannot hold the wait that a provider asks for, the fault goes to the caller, who has other connections.
 * A get goes on at the byte that was reached.
 */
export function retrying(provider: StorageProvider, options: RetryOptions = {}): StorageProvider {
  const writing = { ...options, budget: options.writing ?? options.budget };
  const again = async <Result>(
    signal: AbortSignal | undefined,
    call: () => Promise<Result>,
    how = options,
  ): Promise<Result> => {
    const patience = new Patience(how);
    for (;;) {
      try {
        return await call();
      } catch (error) {
        await patience.after(error, signal);
      }
    }
  };
  return {
    traits: provider.traits,
    nameBlob: (call) => again(call?.signal, () => provider.nameBlob(call), writing),
    put: (name, body, call) => again(call?.signal, () => provider.put(name, body, call), writing),
    get: (name, range, call) => getAgain(provider, new Patience(options), name, range, call),
    stat: (name, call) => again(call?.signal, () => provider.stat(name, call)),
    delete: (name, call) => again(call?.signal, () => provider.delete(name, call)),
    list: (cursor, call) => again(call?.signal, () => provider.list(cursor, call)),
    space: (call) => again(call?.signal, () => provider.space(call)),
    readMarker: (call) => again(call?.signal, () => provider.readMarker(call)),
    writeMarker: (marker, call) => again(call?.signal, () => provider.writeMarker(marker, call)),
    removeFolder: (call) => again(call?.signal, () => provider.removeFolder(call)),
    close: () => provider.close(),
  };
}

async function* getAgain(
  provider: StorageProvider,
  patience: Patience,
  name: BlobName,
  range: ByteRange,
  options?: GetOptions,
): AsyncIterable<Buffer> {
  let reached = 0;
  for (;;) {
    const rest = { offset: range.offset + reached, length: range.length - reached };
    try {
      for await (const piece of provider.get(name, rest, options)) {
        reached += piece.length;
        yield piece;
      }
      return;
    } catch (error) {
      if (reached > 0 && reached >= range.length) return;
      await patience.after(error, options?.signal);
    }
  }
}

class Patience {
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly budget: RetryBudget;
  private readonly stop: AbortSignal | undefined;
  private failures = 0;
  private since: number | undefined;

  constructor({ clock = systemClock, random = evenly, budget, stop }: RetryOptions) {
    this.stop = stop;
    this.clock = clock;
    this.random = random;
    this.budget = { ...usualRetryBudget, ...budget };
  }

  /** Returns when it is time to try again, or throws what should reach the caller. */
  async after(error: unknown, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (!(error instanceof Fault) || !error.retriable) throw error;
    this.failures += 1;
    const now = this.clock.now();
    this.since ??= now;
    const wait = this.wait(error);
    const { attempts, totalMs, longestWaitMs = Infinity } = this.budget;
    if (this.failures >= attempts || wait > longestWaitMs || now + wait > this.since + totalMs) throw error;
    await this.sleep(wait, signal);
    if (this.stop?.aborted) throw error;
  }

  private async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const signals = [signal, this.stop].filter((each) => each !== undefined);
    await this.clock.sleep(ms, signals.length > 0 ? AbortSignal.any(signals) : undefined).catch((reason: unknown) => {
      signal?.throwIfAborted();
      if (!this.stop?.aborted) throw reason;
    });
  }

  private wait(error: Fault): number {
    const { baseMs, capMs } = this.budget;
    const jitter = this.random() * Math.min(capMs, baseMs * 2 ** (this.failures - 1));
    return error instanceof StorageFault ? (error.retryAfterMs ?? 0) + jitter : jitter;
  }
}

function evenly(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}
