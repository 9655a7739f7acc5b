import { HashingBusy } from './faults.js';

/** Runs costly work a few at a time, lets some wait, and refuses the rest at once: memory and waiting are both bounded. */
export class HashingQueue {
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(
    private readonly atOnce: number,
    private readonly mostWaiting: number,
  ) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.#turn();
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  /** A turn passes from hand to hand: `#running` does not fall in between. */
  async #turn(): Promise<void> {
    if (this.#running < this.atOnce) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= this.mostWaiting) throw new HashingBusy();
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
