import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ConnectionHealth } from '../../connections/index.js';
import { Database } from '../../database/index.js';
import { JobKinds, type JobRun, Jobs, NotYet } from '../../jobs/index.js';
import { HOMECOMING } from './kinds.js';
import { MoveMany, newTally } from './move-many.js';
import { type AwaitedHome, awaitedHomes, countWaiting, type SpooledShard, waitingFor } from './spooled.store.js';

/** So long a shard waits for its own place; then any other will do. A spool is a disk of ours, and not meant to fill. */
const WAIT_SECONDS = 24 * 3600;
const SHARDS_AT_ONCE = 60;
const AGAIN_SECONDS = 60;

/**
 * Brings home what waits in a spool: to the connection that it waits for, once that is steady again; to any place, when
 * that has taken longer than a day, or when the connection will not come back. What no place takes now waits on.
 */
@Injectable()
export class Homecoming implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly jobs: Jobs,
    private readonly kinds: JobKinds,
    private readonly health: ConnectionHealth,
    private readonly moves: MoveMany,
  ) {}

  onModuleInit(): void {
    this.kinds.register({
      name: HOMECOMING,
      attempts: null,
      cancellable: false,
      keyless: true,
      run: (job) => this.run(job),
    });
  }

  /** Asks for a job for each connection that can be returned to, or will not be waited for any longer. */
  async look(): Promise<void> {
    for (const home of await awaitedHomes(this.database, WAIT_SECONDS)) {
      if (!this.isTimeFor(home)) continue;
      const ids = { connection: home.home };
      await this.database.tx((sql) => this.jobs.enqueue(sql, { kind: HOMECOMING, account: null, ids }));
    }
  }

  private isTimeFor({ home, open, overdue }: AwaitedHome): boolean {
    return !open || overdue || this.health.shunned(home) === null;
  }

  private async run(job: JobRun): Promise<void> {
    const home = job.ids['connection'] as string;
    const found = await awaitedHomes(this.database, WAIT_SECONDS);
    const open = found.find((one) => one.home === home)?.open ?? false;
    const total = await countWaiting(this.database, home);
    const tally = newTally();
    for (let after = ''; ;) {
      const page = { after, most: SHARDS_AT_ONCE, waitSeconds: WAIT_SECONDS };
      const shards = await waitingFor(this.database, home, page);
      if (shards.length === 0) break;
      const steady = open && this.health.shunned(home) === null;
      const movable = shards.filter(({ overdue }) => steady || !open || overdue);
      await this.moves.run(
        movable.map((shard) => toward(shard, steady ? home : null)),
        { why: 'homecoming', signal: job.signal, tally },
      );
      await job.progress({ done: tally.counts.moved, total });
      after = shards.at(-1)!.name;
    }
    if ((await countWaiting(this.database, home)) === 0) return;
    await job.progress({ note: tally.fault?.message ?? 'The connection is away again.' });
    throw new NotYet('What waits in the spool is looked at again.', AGAIN_SECONDS);
  }
}

/** A shard that is overdue takes what there is, its own place among others. */
function toward({ account, content, chunk, shard, blob, name, overdue }: SpooledShard, home: string | null) {
  const where = { account, content, chunk, shard, blob, name };
  return home === null || overdue ? where : { ...where, to: home };
}
