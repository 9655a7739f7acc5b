import { AsyncLocalStorage } from 'node:async_hooks';
import { type Clock, systemClock } from '../clock.js';
import type { GatedRequest, Pass, RequestGate } from '../request-gate.js';
import type { PacedGate } from './paced-gate.js';

/**
 * Whose calls these are is known where they begin and wanted where a request goes out, with wrappers and providers between
 * that it is no matter of: so it goes with the flow of the calls, not through their parameters.
 */
const second = new AsyncLocalStorage<true>();

/** Whatever this work asks of connections comes after what people ask of them. */
export function inSecondLine<Result>(work: () => Result): Result {
  return second.run(true, work);
}

export function isInSecondLine(): boolean {
  return second.getStore() === true;
}

/** Of the requests that a connection takes at once, at most this part, and one at least. */
const share = 4;
/** Whoever waited for so long goes, though people wait: a connection that is always busy is healed all the same. */
const patienceMs = 5_000;

interface Waiter {
  readonly since: number;
  go(): void;
}

/**
 * A line behind the lines of a gate: its first goes when nobody waits in those, and while few enough of its kind are under
 * way. Waiting here is no failure of the connection, and never refused; whoever has enough of it aborts.
 */
export class SecondLine implements RequestGate {
  private readonly line: Waiter[] = [];
  private inHand = 0;

  constructor(
    private readonly first: Pick<PacedGate, 'enter' | 'state'>,
    private readonly clock: Clock = systemClock,
  ) {}

  async enter(request: GatedRequest, signal?: AbortSignal): Promise<Pass> {
    const behind = isInSecondLine();
    if (behind) await this.turn(signal);
    let over = false;
    const leave = (): void => {
      if (behind && !over) this.inHand -= 1;
      over = true;
      this.look();
    };
    try {
      const pass = await this.first.enter(request, signal);
      this.look();
      return {
        end: (outcome) => {
          pass.end(outcome);
          leave();
        },
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  private async turn(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const over = new AbortController();
    const leave = (): void => {
      const place = this.line.indexOf(waiter);
      if (place >= 0) this.line.splice(place, 1);
      reject(signal?.reason as Error);
    };
    const waiter = { since: this.clock.now(), go: resolve };
    this.line.push(waiter);
    signal?.addEventListener('abort', leave, { once: true });
    this.clock.sleep(patienceMs, over.signal).then(
      () => this.look(),
      () => {},
    );
    this.look();
    try {
      await promise;
    } finally {
      over.abort();
      signal?.removeEventListener('abort', leave);
    }
  }

  private look(): void {
    for (let next = this.line[0]; next; next = this.line[0]) {
      const { places, waiting } = this.first.state();
      if (this.inHand >= Math.max(1, Math.floor(places / share))) return;
      if (waiting > 0 && this.clock.now() - next.since < patienceMs) return;
      this.line.shift();
      this.inHand += 1;
      next.go();
    }
  }
}
