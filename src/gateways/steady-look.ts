import type { Logger } from '@nestjs/common';

interface Looking {
  readonly everyMs: number;
  readonly log: Logger;
  /** For the log, when it fails: «… is looked at again soon». */
  readonly what: string;
  look(): Promise<void>;
}

/**
 * Looks again and again at what other gateways may have changed, one look after the other. Where one takes longer than the
 * time between two, as all do while the database is away, the next ones are left out.
 */
export class SteadyLook {
  private timer: NodeJS.Timeout | undefined;
  private underWay = 0;
  private looking: Promise<void> = Promise.resolve();

  constructor(private readonly asked: Looking) {}

  begin(): void {
    this.timer = setInterval(() => {
      if (this.underWay === 0) void this.once();
    }, this.asked.everyMs).unref();
  }

  /** A look that begins after those that are under way. Also for tests, which do not wait for it. */
  once(): Promise<void> {
    this.underWay += 1;
    return (this.looking = this.looking.then(() => this.look()).finally(() => (this.underWay -= 1)));
  }

  async end(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  private async look(): Promise<void> {
    const { look, log, what } = this.asked;
    await look().catch((error: Error) => log.warn(`${what} is looked at again soon: ${error.message}`));
  }
}
