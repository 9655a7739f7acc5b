import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ByteBudget, type StageRoom } from '#chunks';
import { Config } from '../config/index.js';
import { Metrics } from '../health/index.js';

/** How the byte budget is divided. */
const SHARES = { chunks: 20, turns: 2, readBack: 4, frames: 6, downloads: 9, slowDownloads: 4 };
const ALL_SHARES = Object.values(SHARES).reduce((sum, share) => sum + share);

/**
 * What all transfers together may hold in memory, plain and sealed, divided so that nobody who is
 * slow can stand in the way of all others: sealed chunks on their way in, and what of them goes to
 * disk and comes back from it where memory is short or the client slow; the frame of plaintext
 * that an upload of unknown length holds back until it knows whether more follows; what is being
 * opened for downloads; and the same for downloads whose clients let it wait.
 */
@Injectable()
export class ByteBudgets implements OnModuleInit {
  readonly uploads: StageRoom;
  /** What is in hand while a chunk that waited on disk goes out. */
  readonly readBack: ByteBudget;
  readonly frames: ByteBudget;
  readonly downloads: ByteBudget;
  readonly slowDownloads: ByteBudget;

  constructor(@Inject(Config) config: Config, metrics: Metrics) {
    const part = (share: number): ByteBudget => new ByteBudget(Math.floor((config.byteBudget * share) / ALL_SHARES));
    this.uploads = {
      budget: part(SHARES.chunks),
      turns: part(SHARES.turns),
      folder: join(config.dataFolder, 'staging'),
    };
    this.readBack = part(SHARES.readBack);
    this.frames = part(SHARES.frames);
    this.downloads = part(SHARES.downloads);
    this.slowDownloads = part(SHARES.slowDownloads);
    const { uploads, frames, downloads, slowDownloads: slow, readBack } = this;
    const budgets = { chunks: uploads.budget, turns: uploads.turns, 'read-back': readBack, frames, downloads, slow };
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
