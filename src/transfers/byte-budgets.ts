import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ByteBudget, type StageRoom } from '#chunks';
import { Config } from '../config/index.js';
import { Metrics } from '../health/index.js';

/**
 * What all transfers together may hold in memory, plain and sealed. Two thirds are for chunks on
 * their way in; of the rest a third is for downloads whose clients are slow, so that however many
 * of those there are, quick ones pass them.
 */
@Injectable()
export class ByteBudgets implements OnModuleInit {
  readonly uploads: StageRoom;
  readonly downloads: ByteBudget;
  readonly slowDownloads: ByteBudget;

  constructor(@Inject(Config) config: Config, metrics: Metrics) {
    const total = config.byteBudget;
    this.uploads = { budget: new ByteBudget(Math.floor((total * 2) / 3)), folder: join(config.dataFolder, 'staging') };
    this.downloads = new ByteBudget(Math.floor((total * 2) / 9));
    this.slowDownloads = new ByteBudget(Math.floor(total / 9));
    const budgets = { uploads: this.uploads.budget, downloads: this.downloads, slow: this.slowDownloads };
    metrics.gauge({
      name: 'tessera_transfer_bytes_held',
      help: 'Plain and sealed bytes held in memory for transfers.',
      labelNames: ['budget'],
      collect() {
        for (const [name, budget] of Object.entries(budgets)) this.set({ budget: name }, budget.used);
      },
    });
  }

  async onModuleInit(): Promise<void> {
    await mkdir(this.uploads.folder, { recursive: true, mode: 0o700 });
  }
}
