import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { AuditRecord } from '../../audit/index.js';
import { ConnectionPool } from '../../connections/index.js';
import { Database } from '../../database/index.js';
import { JobKinds, type JobRun, NotYet } from '../../jobs/index.js';
import { LapsedMoves } from './lapsed-moves.js';
import { countLost, type LostShard, lostShards } from './lost.store.js';
import { MoveShard } from './move-shard.js';
import type { Moved } from './moved.js';
import { RepairTally } from './repair-tally.js';

export const REPAIR = 'repair';

/** What is in danger is looked at anew so often: what was lost meanwhile may be in more. */
const SHARDS_AT_ONCE = 500;
/** Most of a repair is waiting for connections. While people are served, all lanes but one rest: a quarter is left to it. */
const LANES = 4;
const QUIET_MS = 1_000;
const REST_MS = 200;
/** When nothing more can be done now, it is tried again after this; where others were at it, or more was lost meanwhile, soon. */
const AGAIN_SECONDS = 60;
const SOON_SECONDS = 5;
/** So many shards of one account that were tried in vain, one after the other, speak for all that is left of it. */
const MOST_IN_VAIN = 50;
/** What could not be done in this run, beyond which it ends. */
const MOST_ASIDE = 5_000;

/**
 * Makes lost shards anew, as long as there are any: those first whose chunks survive the fewest further losses. The rows
 * are the queue: a run begins by looking what is lost now, and may be killed anywhere, or run beside another one that was
 * taken for dead; each shard is moved by one at a time. What finds no place, or too few others to be made of, is left and
 * said in the job's note; the job waits, and looks again.
 */
@Injectable()
export class Repair implements OnModuleInit {
  private readonly log = new Logger('upkeep');

  constructor(
    private readonly database: Database,
    private readonly kinds: JobKinds,
    private readonly mover: MoveShard,
    private readonly lapsed: LapsedMoves,
    private readonly pool: ConnectionPool,
    private readonly audit: AuditRecord,
  ) {}

  onModuleInit(): void {
    this.kinds.register({
      name: REPAIR,
      attempts: null,
      cancellable: false,
      keyless: true,
      run: async (job) => void (await this.run(job)),
    });
  }

  /** Throws NotYet when something is left that cannot be done now. */
  async run(job: Pick<JobRun, 'signal' | 'progress'>): Promise<RepairTally> {
    const tally = new RepairTally();
    await this.lapsed.sweep();
    try {
      while (tally.setAside.blobs.length < MOST_ASIDE) {
        const { shards, total } = await lostShards(this.database, SHARDS_AT_ONCE, tally.setAside);
        if (shards.length === 0) break;
        tally.total = tally.healed + tally.waiting + total;
        await this.heal(job, shards, tally);
      }
      tally.left = await countLost(this.database);
    } finally {
      await this.tell(tally);
    }
    await job.progress({ done: tally.healed, total: tally.healed + tally.left, note: tally.words() });
    if (tally.left > 0) throw new NotYet(tally.words(), tally.waiting > 0 ? AGAIN_SECONDS : SOON_SECONDS);
    return tally;
  }

  private async heal(
    job: Pick<JobRun, 'signal' | 'progress'>,
    shards: readonly LostShard[],
    tally: RepairTally,
  ): Promise<void> {
    const waiting = [...shards];
    const failure = new AbortController();
    const signal = AbortSignal.any([job.signal, failure.signal]);
    const lane = async (first: boolean): Promise<void> => {
      for (;;) {
        while (!first && waiting.length > 0 && this.pool.quietMs < QUIET_MS && !signal.aborted) await pause(REST_MS);
        const shard = waiting.shift();
        if (!shard || signal.aborted) return;
        if (tally.setAside.accounts.includes(shard.account)) continue;
        tally.add(shard, await this.move(shard, signal), MOST_IN_VAIN);
        await job.progress({ done: tally.healed, total: tally.total, note: tally.words() });
      }
    };
    const lanes = Array.from({ length: LANES }, (_, nth) =>
      lane(nth === 0).catch((error: unknown) => failure.abort(error)),
    );
    await Promise.all(lanes);
    signal.throwIfAborted();
  }

  /** Who served damaged bytes gets the shard back only where no other place takes it. */
  private async move(lost: LostShard, signal: AbortSignal): Promise<Moved> {
    const options = { signal, from: lost.blob };
    if (lost.fault !== 'damaged') return this.mover.run(lost, 'repair', options);
    const elsewhere = await this.mover.run(lost, 'repair', { ...options, avoid: new Set([lost.connection]) });
    if (elsewhere.outcome !== 'nowhere') return elsewhere;
    const anywhere = await this.mover.run(lost, 'repair', options);
    return { ...anywhere, read: elsewhere.read + anywhere.read, written: elsewhere.written + anywhere.written };
  }

  private async tell(tally: RepairTally): Promise<void> {
    if (tally.healed === 0) return;
    const { healed, healedBytes, read, written, left } = tally;
    this.log.log(`Repair: ${tally.words()}`);
    const details = { shards: healed, bytes: healedBytes, read, written, waiting: left };
    await this.database
      .tx((sql) => this.audit.append(sql, { action: 'shards.repaired', details }))
      .catch((error: Error) => this.log.warn(`The record was not told of a repair: ${error.message}`));
  }
}
