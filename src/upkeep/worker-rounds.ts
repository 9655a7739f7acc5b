import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { SteadyLook } from '../gateways/index.js';
import { Sweep } from './sweep.js';
import { UpkeepOfShards } from './upkeep-of-shards.js';

/** What a worker does by itself, beside the jobs that it fetches. */
@Injectable()
export class WorkerRounds implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly steady = new SteadyLook({
    everyMs: 15_000,
    log: new Logger('upkeep'),
    what: 'What is to be swept and made anew',
    look: () => this.run(),
  });

  constructor(
    private readonly sweep: Sweep,
    private readonly shards: UpkeepOfShards,
  ) {}

  onApplicationBootstrap(): void {
    this.steady.begin();
    void this.steady.once();
  }

  onApplicationShutdown(): Promise<void> {
    return this.steady.end();
  }

  private async run(): Promise<void> {
    await this.sweep.run();
    await this.shards.run();
  }
}
