import { randomUUIDv7 } from 'node:crypto';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Config } from '../config/index.js';
import { Database } from '../database/index.js';
import { SteadyLook } from '../gateways/index.js';
import { Jobs } from '../jobs/index.js';
import { conditionsOf } from './alert-conditions.js';
import {
  type Condition,
  forgetOldAlerts,
  insertAlert,
  lockWatched,
  noteAlerted,
  watchedConnections,
} from './alerts.store.js';
import { ALERT_JOB } from './send-alert.js';

/**
 * Tells an operator's address when a connection begins or ceases to be in trouble. What was told stands in the
 * connection's row, which is locked while it is compared: of all gateways that see a change, one tells it, and a trouble
 * that goes on is not told twice. The change, its alert and the job that sends it are one transaction.
 */
@Injectable()
export class ConnectionAlerts implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly steady = new SteadyLook({
    everyMs: 15_000,
    log: new Logger('upkeep'),
    what: 'Which connections are in trouble',
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

  /** One look at all connections. */
  async run(): Promise<void> {
    for (const row of await watchedConnections(this.database)) {
      if (changes(row.alerted, conditionsOf(row)).length > 0) await this.tell(row.id);
    }
    await forgetOldAlerts(this.database);
  }

  private async tell(connection: string): Promise<void> {
    await this.database.tx(async (sql) => {
      const row = await lockWatched(sql, connection);
      if (!row) return;
      const now = conditionsOf(row);
      for (const change of changes(row.alerted, now)) {
        const id = randomUUIDv7();
        await insertAlert(sql, { id, connection, ...change });
        await this.jobs.enqueue(sql, { kind: ALERT_JOB, account: null, ids: { alert: id } });
      }
      await noteAlerted(sql, connection, now);
    });
  }
}

function changes(before: readonly Condition[], now: readonly Condition[]): { condition: Condition; raised: boolean }[] {
  const raised = now.filter((condition) => !before.includes(condition));
  const cleared = before.filter((condition) => !now.includes(condition));
  return [
    ...raised.map((condition) => ({ condition, raised: true })),
    ...cleared.map((condition) => ({ condition, raised: false })),
  ];
}
