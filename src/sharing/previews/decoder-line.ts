import { PreviewsBusy } from '../faults.js';

/** Of one account; further ones are refused, so that one gallery does not fill the line. */
const MOST_OF_ONE = 64;
const MOST_OF_ALL = 256;

/** Runs costly work a few at a time. Accounts take turns, so that nobody waits behind all that somebody else wants. */
export class DecoderLine {
  readonly #waiting = new Map<string, (() => void)[]>();
  #inLine = 0;
  #running = 0;

  constructor(private readonly atOnce: number) {}

  async run<T>(account: string, work: () => Promise<T>): Promise<T> {
    await this.#turn(account);
    try {
      return await work();
    } finally {
      this.#pass();
    }
  }

  async #turn(account: string): Promise<void> {
    if (this.#running < this.atOnce) {
      this.#running += 1;
      return;
    }
    const own = this.#waiting.get(account) ?? [];
    if (own.length >= MOST_OF_ONE || this.#inLine >= MOST_OF_ALL) throw new PreviewsBusy();
    this.#waiting.set(account, own);
    this.#inLine += 1;
    await new Promise<void>((resolve) => own.push(resolve));
  }

  /** A turn passes from hand to hand; the account that had it goes to the end of the line. */
  #pass(): void {
    const [account, own] = this.#waiting.entries().next().value ?? [];
    if (account === undefined || own === undefined) {
      this.#running -= 1;
      return;
    }
    this.#waiting.delete(account);
    const next = own.shift();
    if (own.length > 0) this.#waiting.set(account, own);
    this.#inLine -= 1;
    next?.();
  }
}
