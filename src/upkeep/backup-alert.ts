import { randomUUIDv7 } from 'node:crypto';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Config } from '../config/index.js';
import { Database } from '../database/index.js';
import { SteadyLook } from '../gateways/index.js';
import { Jobs } from '../jobs/index.js';
import { clearStanding, newestBackup, raiseStanding } from './alerts.store.js';
import { ALERT_JOB } from './send-alert.js';

/** A day, and two hours in which the next one is made. */
const OVERDUE_SECONDS = 26 * 3600;
/** A gateway that was off at that hour makes it when it is back: before it has had so long, nothing is wrong. */
const PATIENCE_SECONDS = 2 * 3600;

/**
 * Tells an operator's address when no backup was proved for too long, though one is wanted every night, and when there is
 * one again. The row of what was told is the lock: of all gateways that see the same, one inserts it, and one ends it.
 */
@Injectable()
export class BackupAlert implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly steady = new SteadyLook({
    everyMs: 60_000,
    log: new Logger('upkeep'),
    what: 'Whether there is a backup of late',
    look: () => this.run(),
  });

  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly jobs: Jobs,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.alerts !== null) this.steady.begin();
  }

  onApplicationShutdown(): Promise<void> {
    return this.steady.end();
  }

  /** Public for tests, which do not wait for it. */
  async run(): Promise<void> {
    await this.database.tx(async (sql) => {
      const { ageSeconds, watchedSeconds } = await newestBackup(sql);
      const wanted = this.config.backups.hour !== null;
      const id = randomUUIDv7();
      if (!wanted || ageSeconds <= OVERDUE_SECONDS) {
        if (!(await clearStanding(sql, id, 'backup-overdue'))) return;
      } else if (watchedSeconds <= PATIENCE_SECONDS || !(await raiseStanding(sql, id, 'backup-overdue'))) return;
      await this.jobs.enqueue(sql, { kind: ALERT_JOB, account: null, ids: { alert: id } });
    });
  }
}
