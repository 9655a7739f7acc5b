import { Injectable } from '@nestjs/common';
import { Database } from '../../database/index.js';
import { countPart, nextToCount, recountStrays } from './weak-chunks.store.js';

const BLOBS_AT_ONCE = 2_000;
/** Other steps of the round have their turn after this. */
const ROUND_MS = 5_000;
const STRAYS_EVERY_MS = 3_600_000;
const MOST_STRAYS = 10_000;

/**
 * Counts the shards of connections that were given up, removed, or taken back out of the chunks they belong to, or into
 * them again. What was counted is written with how far it came: another gateway, or the next start, goes on from there.
 */
@Injectable()
export class CountWeakChunks {
  private straysAt = -Infinity;

  constructor(private readonly database: Database) {}

  async run(): Promise<void> {
    const began = performance.now();
    while (performance.now() - began < ROUND_MS) {
      const next = await nextToCount(this.database);
      if (!next) break;
      await this.database.tx((sql) => countPart(sql, next, BLOBS_AT_ONCE));
    }
    if (began - this.straysAt < STRAYS_EVERY_MS) return;
    await this.database.tx((sql) => recountStrays(sql, MOST_STRAYS));
    this.straysAt = began;
  }
}
