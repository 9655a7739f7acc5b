import { ConnectionAway } from '../../errors.js';

/** Breaks a call off when the other side neither takes nor gives anything for too long; our own pauses do not count. */
export class Silence {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The other side's turn. */
  await(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.break(new ConnectionAway('The store has fallen silent.')), ms);
  }

  /** Our own turn, or the end. */
  rest(): void {
    clearTimeout(this.timer);
  }

  break(reason: unknown): void {
    this.rest();
    this.controller.abort(reason);
  }
}
