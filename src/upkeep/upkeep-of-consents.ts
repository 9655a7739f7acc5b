import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Tokens } from '../connections/index.js';

/** Consents lapse after months: an hour more or less is nothing, and a gateway that is started now and then looks at once. */
const EVERY_MS = 3_600_000;
const FIRST_MS = 5_000;

/** Uses consents that would lapse if nobody used them: those of connections that are switched off, for one. */
@Injectable()
export class UpkeepOfConsents implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger('upkeep');
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> = Promise.resolve();

  constructor(private readonly tokens: Tokens) {}

  onApplicationBootstrap(): void {
    this.timer = setTimeout(() => {
      this.look();
      this.timer = setInterval(() => this.look(), EVERY_MS).unref();
    }, FIRST_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearTimeout(this.timer);
    await this.round;
  }

  private look(): void {
    this.round = this.tokens
      .keepAlive()
      .catch((error: Error) => this.log.warn(`Consents are looked after later: ${error.message}`));
  }
}
