import { Injectable, type OnModuleInit } from '@nestjs/common';
import { inSecondLine } from '#storage';
import { Spreads, SpreadUnmet } from '../../connections/index.js';
import { Database } from '../../database/index.js';
import { JobKinds, type JobRun, Jobs } from '../../jobs/index.js';
import { BEGINS_AT, ENDS_AT, Fills } from './fills.js';
import { accountsOn, heldThere, shardsBeside } from './fills.store.js';
import { REBALANCE } from './kinds.js';
import { MoveMany, newTally } from './move-many.js';

/** Filling takes days; and whatever nothing could be done about is not looked at all the time. */
const LOOK_EVERY_MS = 600_000;
const NOT_AGAIN_SECONDS = 3_600;
const SHARDS_AT_ONCE = 60;

/**
 * Lets connections of one spread fill alike: where one is fuller than another by more than a fifth (a new one was
 * connected, one was drained and let in again), shards move from the fullest to where they are drawn by the room that
 * there is today, until a tenth is between them. A shard never goes where that would be the fuller place: so whatever is
 * moved is not moved back, however often this is looked at and whoever else stores meanwhile.
 */
@Injectable()
export class Rebalance implements OnModuleInit {
  private lookedAt = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly spreads: Spreads,
    private readonly jobs: Jobs,
    private readonly kinds: JobKinds,
    private readonly moves: MoveMany,
  ) {}

  onModuleInit(): void {
    this.kinds.register({
      name: REBALANCE,
      attempts: 5,
      cancellable: true,
      keyless: true,
      run: (job) => inSecondLine(() => this.run(job)),
    });
  }

  /** Asks for a job for each account whose connections are filled too differently. `now`: though it was looked at lately. */
  async look(now = false): Promise<void> {
    if (!now && performance.now() - this.lookedAt < LOOK_EVERY_MS) return;
    this.lookedAt = performance.now();
    const used = (await heldThere(this.database, null)).filter(({ ours }) => ours > 0).map(({ id }) => id);
    for (const account of await accountsOn(this.database, used)) {
      const fills = await this.fillsOf(account);
      if ((fills?.fullest()?.gap ?? 0) <= BEGINS_AT) continue;
      const ids = { account };
      if (!now && (await this.jobs.endedLately(REBALANCE, ids, NOT_AGAIN_SECONDS))) continue;
      await this.database.tx((sql) => this.jobs.enqueue(sql, { kind: REBALANCE, account, ids }));
    }
  }

  private async run(job: JobRun): Promise<void> {
    const account = job.ids['account'] as string;
    const from = (await this.fillsOf(account))?.fullest();
    if (!from) return;
    const tally = newTally();
    for (let after = ''; ;) {
      const fills = await this.fillsOf(account);
      if (!fills || (fills.fullest()?.gap ?? 0) <= ENDS_AT) return;
      const place = { account, connection: from.id };
      const shards = await shardsBeside(this.database, place, { after, most: SHARDS_AT_ONCE });
      const wished = shards.flatMap((shard) => {
        const to = fills.takes(from.id, shard);
        return to === null ? [] : [{ ...shard, to }];
      });
      await this.moves.run(wished, { why: 'rebalance', signal: job.signal, tally });
      await job.progress({ done: tally.counts.moved });
      if (shards.length < SHARDS_AT_ONCE) return;
      after = shards.at(-1)!.name;
    }
  }

  private async fillsOf(account: string): Promise<Fills | null> {
    try {
      const { candidates } = await this.spreads.plan(account);
      const held = await heldThere(
        this.database,
        candidates.map(({ id }) => id),
      );
      return new Fills(candidates, held);
    } catch (error) {
      // Its spread names connections that are gone: nothing can be drawn.
      if (error instanceof SpreadUnmet) return null;
      throw error;
    }
  }
}
