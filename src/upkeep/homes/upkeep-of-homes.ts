import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { SteadyLook } from '../../gateways/index.js';
import { Drain } from './drain.js';
import { Homecoming } from './homecoming.js';
import { Rebalance } from './rebalance.js';

/** Looks what should lie elsewhere, and asks for the jobs that see to it. */
@Injectable()
export class UpkeepOfHomes implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly steady = new SteadyLook({
    everyMs: 15_000,
    log: new Logger('upkeep'),
    what: 'What should lie elsewhere',
    look: () => this.run(),
  });

  constructor(
    private readonly drain: Drain,
    private readonly homecoming: Homecoming,
    private readonly rebalance: Rebalance,
  ) {}

  onApplicationBootstrap(): void {
    this.steady.begin();
  }

  onApplicationShutdown(): Promise<void> {
    return this.steady.end();
  }

  async run(): Promise<void> {
    await this.drain.goOn();
    await this.homecoming.look();
    await this.rebalance.look();
  }
}
