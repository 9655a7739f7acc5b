import { randomInt } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Fault } from '#contracts';
import { Database } from '../database/index.js';
import { GatewayLease } from '../gateways/index.js';
import { GatewayStops, JobCancelled, JobLost, NotYet } from './faults.js';
import { type JobKind, JobKinds } from './job-kinds.js';
import { JobRun } from './job-run.js';
import { claimJob, endJob, isDue, putBack, stillHeld, type ClaimedJob } from './jobs.store.js';

/** Whoever traces jobs hears of each attempt here, and may bind a store of its own to it. */
const attempts = channel('tessera.job');

const FIRST_PAUSE_SECONDS = 2;
const LONGEST_PAUSE_SECONDS = 600;
/** A handler that does not listen is left behind; its job falls to others when this gateway's lease ends. */
const STOP_PATIENCE_MS = 8_000;
/** How soon a cancelled job, or one that another gateway has taken over, is told to stop. */
const LOOK_MS = 1000;

interface InHand {
  readonly job: ClaimedJob;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/** Carries out what is delivered, however often and late: the job's row decides whether there is anything to do. */
@Injectable()
export class RunJobs {
  private readonly log = new Logger('jobs');
  private readonly inHand = new Set<InHand>();
  private looking: NodeJS.Timeout | undefined;
  private readonly leave = Promise.withResolvers<void>();
  private stopping = false;
  /** For tests. */
  patienceMs = STOP_PATIENCE_MS;

  constructor(
    private readonly database: Database,
    private readonly kinds: JobKinds,
    private readonly lease: GatewayLease,
  ) {
    // Under the old id everything counts as dead: others have taken over, or will.
    lease.onRebirth(() => this.abortAll(new JobLost()));
  }

  /**
   * Never throws what a handler throws. What it does throw says that the delivery must be repeated: the database is away,
   * or this gateway takes nothing on while it stops, or while its lease has run out.
   */
  async deliver(id: string): Promise<void> {
    if (this.stopping) throw new GatewayStops();
    const job = await claimJob(this.database, id, this.lease.id);
    if (job === undefined && (await isDue(this.database, id))) throw new GatewayStops();
    if (job === undefined) return;
    if (this.stopping) return this.settle(job, new GatewayStops());
    const abort = new AbortController();
    const ended = attempts.runStores({ kind: job.kind, id: job.id }, () => this.attempt(job, abort.signal));
    const inHand = { job, abort, ended };
    this.inHand.add(inHand);
    this.look();
    try {
      await Promise.race([ended, this.leave.promise]);
    } finally {
      this.inHand.delete(inHand);
    }
  }

  /** Tells every handler to stop, and waits until what they had in hand is back in the queue. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.looking);
    this.abortAll(new GatewayStops());
    const ended = Promise.allSettled([...this.inHand].map((one) => one.ended));
    await Promise.race([ended, pause(this.patienceMs, undefined, { ref: false })]);
    this.leave.resolve();
  }

  private abortAll(reason: Fault): void {
    for (const { abort } of this.inHand) abort.abort(reason);
  }

  private async attempt(job: ClaimedJob, signal: AbortSignal): Promise<void> {
    try {
      if (job.cancelled) throw new JobCancelled();
      const kind = this.kinds.get(job.kind);
      const run = new JobRun(this.database, job, signal);
      await kind.run(run).finally(() => run.write().catch(() => {}));
      await endJob(this.database, job, 'done', null);
    } catch (error) {
      // A handler that was told to stop fails with whatever that broke.
      await this.settle(job, signal.aborted ? signal.reason : error);
    }
  }

  private async settle(job: ClaimedJob, error: unknown): Promise<void> {
    if (error instanceof JobLost) return;
    if (error instanceof JobCancelled && (await endJob(this.database, job, 'cancelled', null))) return;
    // Somebody asked for it again before it had stopped: it goes on.
    if (error instanceof GatewayStops || error instanceof JobCancelled) {
      return putBack(this.database, job, { afterSeconds: 0, attempts: job.attempts });
    }
    if (error instanceof NotYet) {
      const afterSeconds = error.retryAfterSeconds;
      return putBack(this.database, job, { afterSeconds, attempts: 0, error: null });
    }
    await this.fail(job, this.kinds.names.includes(job.kind) ? this.kinds.get(job.kind) : null, error);
  }

  /** A kind that this gateway does not know is another version's: it is left to those that do. */
  private async fail(job: ClaimedJob, kind: JobKind | null, error: unknown): Promise<void> {
    const message = error instanceof Fault ? error.message : 'Something unexpected happened.';
    this.log.warn(`A job (${job.kind}, ${job.id}) failed: ${(error as Error).message}`);
    const attempts = job.attempts + 1;
    if (kind !== null && kind.attempts !== null && attempts >= kind.attempts) {
      return void (await endJob(this.database, job, 'failed', message));
    }
    const asked = error instanceof Fault ? error.retryAfterSeconds : undefined;
    const afterSeconds = asked ?? pauseAfter(attempts, kind?.longestPauseSeconds ?? LONGEST_PAUSE_SECONDS);
    await putBack(this.database, job, { afterSeconds, attempts, error: message });
  }

  private look(): void {
    if (this.stopping) return;
    this.looking ??= setTimeout(() => {
      void this.lookOnce().finally(() => {
        this.looking = undefined;
        if (this.inHand.size > 0) this.look();
      });
    }, LOOK_MS).unref();
  }

  /** Public for tests, which do not wait for it. */
  async lookOnce(): Promise<void> {
    const inHand = [...this.inHand];
    if (inHand.length === 0) return;
    try {
      const held = await stillHeld(
        this.database,
        inHand.map(({ job }) => job),
      );
      const byToken = new Map(held.map((job) => [job.token, job]));
      for (const { job, abort } of inHand) {
        const found = byToken.get(job.token);
        if (found === undefined) abort.abort(new JobLost());
        else if (found.cancelled && this.kinds.get(job.kind).cancellable) abort.abort(new JobCancelled());
      }
    } catch (error) {
      this.log.warn(`Whether jobs are still wanted could not be asked: ${(error as Error).message}`);
    }
  }
}

/** Twice as long each time, a little apart from the others that failed at the same moment. */
function pauseAfter(attempts: number, longest: number): number {
  const pause = Math.min(longest, FIRST_PAUSE_SECONDS * 2 ** Math.min(attempts - 1, 20));
  return (pause * randomInt(750, 1250)) / 1000;
}
