import type { Database, Sql } from '../database/index.js';
import { JobLost } from './faults.js';
import { endJob, holdJob, noteProgress, type ClaimedJob } from './jobs.store.js';
import type { Progress } from './progress.js';

/** How often progress is written down; the last word of a run always is. */
const WRITE_MS = 500;

/** One attempt at a job, as its handler sees it. */
export class JobRun {
  private last: Progress = {};
  private unwritten: Progress = {};
  private writtenAt = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly job: ClaimedJob,
    /** Aborted when the job is cancelled or carried on elsewhere, and when the gateway stops. The reason is a fault. */
    readonly signal: AbortSignal,
  ) {}

  get id(): string {
    return this.job.id;
  }

  /** Whose it is; null for the house's. */
  get account(): string | null {
    return this.job.account;
  }

  get ids(): Readonly<Record<string, string>> {
    return this.job.ids;
  }

  /** Greater than that of every earlier attempt at any job. */
  get token(): number {
    return this.job.token;
  }

  /** Tells how far it is, and throws what aborted the run, if anything has. What is not named stays as it was. */
  async progress(progress: Progress): Promise<void> {
    this.signal.throwIfAborted();
    const changed = Object.entries(progress).filter(([name, value]) => this.last[name as keyof Progress] !== value);
    if (changed.length === 0) return;
    this.last = { ...this.last, ...progress };
    this.unwritten = { ...this.unwritten, ...progress };
    if (performance.now() - this.writtenAt >= WRITE_MS) await this.write();
  }

  /** Writes down what has not been yet. */
  async write(): Promise<void> {
    const progress = this.unwritten;
    if (Object.keys(progress).length === 0) return;
    this.unwritten = {};
    this.writtenAt = performance.now();
    if (!(await noteProgress(this.database, this.job, progress))) throw new JobLost();
  }

  /**
   * For a step that must not be done by two: inside its transaction, locks the job and throws JobLost where another
   * attempt has begun. A later attempt then waits until this transaction has ended.
   */
  async hold(sql: Sql): Promise<void> {
    if (!(await holdJob(sql, this.job))) throw new JobLost();
  }

  /**
   * For a job that is asked for again while it runs: inside the transaction that held it and saw nothing left to do, ends
   * it, with its last words. Who asked before is seen by what is read after `hold`; who asks from then on begins another.
   */
  async end(sql: Sql, words: Progress = {}): Promise<void> {
    await noteProgress(sql, this.job, { ...this.unwritten, ...words });
    if (!(await endJob(sql, this.job, 'done', null))) throw new JobLost();
  }
}
