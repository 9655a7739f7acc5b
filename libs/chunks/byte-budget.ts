/**
 * A number of bytes that everybody together may hold. Whoever wants some waits in one line, so that
 * a large wish is not starved by small ones. Nobody may wait for more while holding some without a
 * way out: such callers use `patienceMs`, and go on without (see SealedStage, which goes to disk).
 */
export class ByteBudget {
  private held = 0;
  private readonly line: Waiter[] = [];

  constructor(readonly limit: number) {}

  get used(): number {
    return this.held;
  }

  get waiting(): number {
    return this.line.length;
  }

  /** Takes the bytes when they are there at once and nobody stands in line. */
  tryTake(bytes: number): Allowance | null {
    if (this.line.length > 0 || this.held + bytes > this.limit) return null;
    return this.grant(bytes);
  }

  /** Waits for the bytes; null when patience runs out first. A wish above the limit can never be met and throws. */
  take(bytes: number, options: { patienceMs?: number; signal?: AbortSignal } = {}): Promise<Allowance | null> {
    if (bytes > this.limit) throw new RangeError(`${bytes} bytes are more than the whole budget of ${this.limit}`);
    options.signal?.throwIfAborted();
    const atOnce = this.tryTake(bytes);
    if (atOnce) return Promise.resolve(atOnce);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', abort);
        const place = this.line.indexOf(waiter);
        if (place >= 0) this.line.splice(place, 1);
        this.serve();
      };
      const abort = (): void => {
        leave();
        reject(options.signal?.reason as Error);
      };
      const waiter: Waiter = {
        bytes,
        serve: (allowance) => {
          clearTimeout(timer);
          options.signal?.removeEventListener('abort', abort);
          resolve(allowance);
        },
      };
      const giveUp = (): void => {
        leave();
        resolve(null);
      };
      const timer = options.patienceMs === undefined ? undefined : setTimeout(giveUp, options.patienceMs);
      options.signal?.addEventListener('abort', abort, { once: true });
      this.line.push(waiter);
    });
  }

  private grant(bytes: number): Allowance {
    this.held += bytes;
    return new Allowance(bytes, (released) => {
      this.held -= released;
      this.serve();
    });
  }

  private serve(): void {
    for (let next = this.line[0]; next && this.held + next.bytes <= this.limit; next = this.line[0]) {
      this.line.shift();
      next.serve(this.grant(next.bytes));
    }
  }
}

interface Waiter {
  readonly bytes: number;
  serve(allowance: Allowance): void;
}

/** Bytes that somebody may hold until they give them back; giving back twice is harmless. */
export class Allowance implements Disposable {
  constructor(
    private bytes: number,
    private readonly giveBack: (bytes: number) => void,
  ) {}

  get size(): number {
    return this.bytes;
  }

  release(): void {
    const bytes = this.bytes;
    this.bytes = 0;
    if (bytes > 0) this.giveBack(bytes);
  }

  /** Keeps only so many, gives the rest back. */
  shrink(bytes: number): void {
    const surplus = this.bytes - bytes;
    if (surplus <= 0) return;
    this.bytes = bytes;
    this.giveBack(surplus);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
