import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { SteadyLook } from '../../gateways/index.js';
import { AskForScrub } from './ask-for-scrub.js';

/** Looks now and then which connections have not been looked through for long enough, by the database's clock. */
@Injectable()
export class DailyScrub implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly steady: SteadyLook;

  constructor(ask: AskForScrub) {
    this.steady = new SteadyLook({
      everyMs: 60_000,
      log: new Logger('upkeep'),
      what: 'Which connections are to be looked through',
      look: () => ask.due(),
    });
  }

  onApplicationBootstrap(): void {
    this.steady.begin();
  }

  onApplicationShutdown(): Promise<void> {
    return this.steady.end();
  }
}
