import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Config } from '../config/index.js';
import { DeletionHold } from '../connections/index.js';
import { Database } from '../database/index.js';
import { SteadyLook } from '../gateways/index.js';
import { Metrics } from '../health/index.js';
import { Jobs } from '../jobs/index.js';
import { COPY_JOB } from './copy-job.js';
import {
  condemnCopies,
  connectionsBehind,
  copiesToCondemn,
  keepingConnections,
  noteEndedCopies,
} from './copies.store.js';

/** Sees to it that the newest backup lies on every connection that keeps them, and that old ones go. */
@Injectable()
export class KeepCopies implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly steady = new SteadyLook({
    everyMs: 60_000,
    log: new Logger('backup'),
    what: 'Which connections keep which backups',
    look: () => this.look(),
  });

  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly jobs: Jobs,
    private readonly hold: DeletionHold,
    metrics: Metrics,
  ) {
    metrics.gauge({
      name: 'tessera_backup_copy_age_seconds',
      help: 'How old the newest backup on a connection is that keeps them. None: there is none.',
      labelNames: ['connection'],
      async collect() {
        const keeping = await keepingConnections(database).catch(() => []);
        this.reset();
        for (const { id, newest_made_at: at } of keeping)
          if (at) this.set({ connection: id }, (Date.now() - at.getTime()) / 1000);
      },
    });
  }

  onApplicationBootstrap(): void {
    this.steady.begin();
  }

  onApplicationShutdown(): Promise<void> {
    return this.steady.end();
  }

  /** For whoever goes on whatever comes of it. */
  lookNow(): Promise<void> {
    return this.steady.once();
  }

  /** While a hold stands, none is condemned: this database may not know what lies there. */
  async look(): Promise<void> {
    if (!(await this.hold.stands())) {
      await this.database.tx(async (sql) => {
        const old = await copiesToCondemn(sql, this.config.backups.days);
        if (old.length > 0) await condemnCopies(sql, old);
      });
    }
    for (const connection of await connectionsBehind(this.database)) {
      await this.database.tx((sql) => this.jobs.enqueue(sql, { kind: COPY_JOB, account: null, ids: { connection } }));
    }
    await noteEndedCopies(this.database);
  }
}
