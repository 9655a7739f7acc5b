import type { Logger } from '@nestjs/common';

interface Looking {
  readonly everyMs: number;
  readonly log: Logger;
  /** For the log, when it fails: «… is looked at again soon». */
  readonly what: string;
  look(): Promise<void>;
}

/** Looks again and again at what other gateways may have changed, one look after the other. */
export class SteadyLook {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();

  constructor(private readonly asked: Looking) {}

  begin(): void {
    this.timer = setInterval(() => (this.looking = this.looking.then(() => this.once())), this.asked.everyMs).unref();
  }

  /** Also for tests, which do not wait for it. */
  async once(): Promise<void> {
    const { look, log, what } = this.asked;
    await look().catch((error: Error) => log.warn(`${what} is looked at again soon: ${error.message}`));
  }

  async end(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }
}
