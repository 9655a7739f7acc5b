import { Injectable } from '@nestjs/common';
import type { Spreads } from '../../connections/index.js';
import { Database } from '../../database/index.js';
import type { JobRun } from '../../jobs/index.js';
import { MoveMany, newTally } from '../homes/index.js';
import {
  chunksToSpread,
  contentsToSpread,
  countChunksToSpread,
  settleContent,
  shardsElsewhere,
} from './contents-to-spread.store.js';
import { SpreadChunk, type SpreadOutcome } from './spread-chunk.js';

const CONTENTS_AT_ONCE = 100;
const CHUNKS_AT_ONCE = 100;
const SHARDS_AT_ONCE = 60;
const NOTHING = '00000000-0000-0000-0000-000000000000';

/** The account's default storage, as it is at this moment. */
export type Wanted = Awaited<ReturnType<Spreads['of']>>;
export type Counts = Partial<Record<SpreadOutcome, number>>;

/** Goes through all that an account has stored, and through what lies on connections that it does not want. */
@Injectable()
export class SpreadingWork {
  constructor(
    private readonly database: Database,
    private readonly chunk: SpreadChunk,
    private readonly moves: MoveMany,
  ) {}

  /** Spreads every chunk that is spread otherwise; answers how many came to what. */
  async chunks(job: JobRun, account: string, to: Wanted): Promise<Counts> {
    const total = await countChunksToSpread(this.database, account, to);
    const counts: Counts = {};
    let done = 0;
    const told = async (outcome: SpreadOutcome): Promise<void> => {
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      if (outcome === 'spread' || outcome === 'gone') done += 1;
      await job.progress({ done, total: Math.max(total, done) });
    };
    await job.progress({ done, total });
    for (let after = NOTHING; ;) {
      const contents = await contentsToSpread(this.database, account, to, { after, most: CONTENTS_AT_ONCE });
      for (const content of contents) await this.content(job, { account, content }, to, told);
      if (contents.length < CONTENTS_AT_ONCE) return counts;
      after = contents.at(-1)!;
    }
  }

  private async content(
    job: JobRun,
    id: { account: string; content: string },
    to: Wanted,
    told: (outcome: SpreadOutcome) => Promise<void>,
  ): Promise<void> {
    for (let from = 0; ;) {
      const chunks = await chunksToSpread(this.database, id, to, { from, most: CHUNKS_AT_ONCE });
      for (const chunk of chunks) {
        await told((await this.chunk.run({ ...id, chunk }, to, job.signal)).outcome);
      }
      if (chunks.length < CHUNKS_AT_ONCE) break;
      from = chunks.at(-1)! + 1;
    }
    await this.database.tx((sql) => settleContent(sql, id.account, id.content, to));
  }

  /** Moves what lies on connections that are not chosen to those that are; answers how much found no place. */
  async elsewhere(job: JobRun, account: string, chosen: readonly string[]): Promise<number> {
    const tally = newTally();
    for (let after = NOTHING; ;) {
      const shards = await shardsElsewhere(this.database, account, chosen, { after, most: SHARDS_AT_ONCE });
      await this.moves.run(shards, { why: 're-spread', signal: job.signal, tally });
      if (shards.length < SHARDS_AT_ONCE) break;
      after = shards.at(-1)!.blob;
    }
    return tally.counts.nowhere + tally.counts.busy + tally.counts.unreadable;
  }
}
