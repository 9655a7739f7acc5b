import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Config } from '../config/index.js';
import { Database } from '../database/index.js';
import { SteadyLook } from '../gateways/index.js';
import { Metrics } from '../health/index.js';
import { Jobs } from '../jobs/index.js';
import { BACKUP_JOB } from './backup-job.js';
import { backupAge, isBackupDue } from './backups.store.js';

/** Asks for a backup once a night; of all gateways that do, one gets the job. A gateway that was off at that hour makes it when it is back. */
@Injectable()
export class NightlyBackup implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly steady = new SteadyLook({
    everyMs: 60_000,
    log: new Logger('backup'),
    what: 'Whether a backup is due',
    look: () => this.look(),
  });

  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly jobs: Jobs,
    metrics: Metrics,
  ) {
    metrics.gauge({
      name: 'tessera_backup_age_seconds',
      help: 'How old the newest backup of the database is. None: there is none.',
      async collect() {
        const age = await backupAge(database).catch(() => null);
        if (age === null) this.reset();
        else this.set(age);
      },
    });
  }

  onApplicationBootstrap(): void {
    if (this.config.backups.hour !== null) this.steady.begin();
  }

  onApplicationShutdown(): Promise<void> {
    return this.steady.end();
  }

  /** Also for tests, which do not wait for it. */
  async look(): Promise<void> {
    const { hour } = this.config.backups;
    if (hour === null || !(await isBackupDue(this.database, hour))) return;
    await this.database.tx((sql) => this.jobs.enqueue(sql, { kind: BACKUP_JOB, account: null, ids: {} }));
  }
}
