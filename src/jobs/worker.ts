import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Logger as QueueLogger, runTaskList, type WorkerPool } from 'graphile-worker';
import pg from 'pg';
import { Database } from '../database/index.js';
import { JobKinds } from './job-kinds.js';
import { forgetOldJobs, taskOf, wakeForgotten } from './jobs.store.js';
import { RunJobs } from './run-jobs.js';

/** Most of a job is waiting for a cloud; what it does there at once, it decides itself. */
const JOBS_AT_ONCE = 4;
/** One listens, the others fetch and complete. */
const CONNECTIONS = 3;
/** New jobs are announced; a look finds those that were put off. */
const POLL_MS = 2_000;
const ROUND_MS = 5_000;
/** Longer than a busy gateway leaves a job waiting for its turn. */
const OVERDUE_SECONDS = 20;
const RESTART_MS = 2_000;

/**
 * The gateway's worker: fetches what is due from graphile-worker's queue and hands it to RunJobs. Begins when everything
 * else has, and nobody's start waits for it; a database that goes away for a while stops it for as long.
 */
@Injectable()
export class Worker implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly log = new Logger('jobs');
  private pool: pg.Pool | undefined;
  private workers: WorkerPool | undefined;
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> = Promise.resolve();
  private rounds = 0;
  private stopping = false;

  constructor(
    private readonly database: Database,
    private readonly jobs: RunJobs,
    private readonly kinds: JobKinds,
  ) {}

  onApplicationBootstrap(): void {
    this.pool = new pg.Pool({ ...this.database.connection, max: CONNECTIONS });
    // A connection that dies is replaced by the next look; unheard, it would end the process.
    this.pool.on('error', () => {});
    this.pool.on('connect', (client) => client.on('error', () => {}));
    this.start();
    // Whatever is due now may have been fetched by somebody who is gone; being woken up twice costs nothing.
    this.round = this.recover(0).finally(() => this.next());
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    // Fetches nothing from here on; ends when what it has fetched has.
    const fetched = Promise.resolve(this.workers?.gracefulShutdown());
    const ended = fetched.catch((error: Error) => this.log.warn(error.message));
    await this.jobs.stop();
    await ended;
    await this.round;
    await this.pool?.end().catch(() => {});
  }

  /** What dead gateways have left, and what nobody was woken up for. */
  async recover(overdueSeconds = OVERDUE_SECONDS): Promise<void> {
    try {
      const woken = await wakeForgotten(this.database, overdueSeconds);
      if (woken > 0) this.log.debug(`${woken} jobs are woken up once more.`);
      if (this.rounds++ % 720 === 0) await forgetOldJobs(this.database);
    } catch (error) {
      this.log.warn(`What other gateways have left is looked at later: ${(error as Error).message}`);
    }
  }

  private start(): void {
    if (this.stopping) return;
    const task = (payload: unknown): Promise<void> => this.jobs.deliver((payload as { id: string }).id);
    const options = {
      concurrency: JOBS_AT_ONCE,
      pollInterval: POLL_MS,
      noHandleSignals: true,
      logger: quiet(this.log),
    };
    const tasks = Object.fromEntries(this.kinds.here.map((kind) => [taskOf(kind), task]));
    this.workers = runTaskList(options, tasks, this.pool as pg.Pool);
    const again = (): void => void setTimeout(() => this.start(), RESTART_MS).unref();
    this.workers.promise.then(again, (error: Error) => {
      this.log.warn(`The queue of jobs is taken up again soon: ${error.message}`);
      again();
    });
  }

  private next(): void {
    if (this.stopping) return;
    this.timer = setTimeout(() => {
      this.round = this.recover().finally(() => this.next());
    }, ROUND_MS).unref();
  }
}

/** It says a great deal; what went wrong is worth a line, and a job that is delivered once more has not. */
function quiet(log: Logger): QueueLogger {
  return new QueueLogger(() => (level, message) => {
    if (level === 'error' && !message.startsWith('Failed task')) log.warn(message);
    else log.debug(message);
  });
}
