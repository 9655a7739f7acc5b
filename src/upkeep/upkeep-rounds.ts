import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from '../database/index.js';
import { UpkeepOfFiles } from './upkeep-of-files.js';
import { Sweep } from './sweep.js';
import { UpkeepOfConnections } from './upkeep-of-connections.js';
import { UpkeepOfShards } from './upkeep-of-shards.js';
import { UpkeepOfUploads } from './upkeep-of-uploads.js';
import { analyzeYoungTables } from './young-tables.store.js';

const ROUND_MS = 15_000;

/** What this gateway does for itself and for others while nobody looks, one round after the other. */
@Injectable()
export class UpkeepRounds implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger('upkeep');
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly files: UpkeepOfFiles,
    private readonly sweep: Sweep,
    private readonly uploads: UpkeepOfUploads,
    private readonly connections: UpkeepOfConnections,
    private readonly shards: UpkeepOfShards,
    private readonly database: Database,
  ) {}

  onApplicationBootstrap(): void {
    this.next(1_000);
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.round;
  }

  /** One whole round, now; what one step cannot do is told to the log and left to the next round. */
  async run(): Promise<void> {
    await this.step('statistics', () => analyzeYoungTables(this.database));
    await this.step('uploads', () => this.uploads.run());
    await this.step('files', () => this.files.run());
    await this.step('sweep', () => this.sweep.run());
    await this.step('connections', () => this.connections.run());
    await this.step('shards', () => this.shards.run());
  }

  private next(delay: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.round = this.run().finally(() => this.next(ROUND_MS));
    }, delay);
    this.timer.unref();
  }

  private async step(name: string, work: () => Promise<unknown>): Promise<void> {
    if (this.stopped) return;
    await work().catch((error: Error) => this.log.warn(`Upkeep (${name}) goes on later: ${error.message}`));
  }
}
