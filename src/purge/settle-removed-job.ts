import { Injectable, type OnModuleInit } from '@nestjs/common';
import { settleRemoved } from '../contents/index.js';
import { Database } from '../database/index.js';
import { JobKinds, type JobRun, NotYet } from '../jobs/index.js';
import { secondsSinceRemoval } from './purge.store.js';

export const SETTLE_REMOVED = 'settle-removed-connection';

/** Other gateways plan by what they read up to 2 seconds ago, and no transaction stands idle for more than a minute. */
const SETTLED_AFTER_SECONDS = 90;

/**
 * Makes the database say what is true of a connection that was removed: what lay there is gone. Goes over it until nothing
 * new can come: an upload that had planned with the connection may still name it a moment later.
 */
@Injectable()
export class SettleRemovedJob implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly kinds: JobKinds,
  ) {}

  onModuleInit(): void {
    this.kinds.register({ name: SETTLE_REMOVED, attempts: null, cancellable: false, run: (job) => this.run(job) });
  }

  private async run(job: JobRun): Promise<void> {
    const connection = job.ids['connection'] as string;
    const age = await secondsSinceRemoval(this.database, connection);
    await settleRemoved(this.database, connection, job.signal);
    if (age < SETTLED_AFTER_SECONDS) {
      throw new NotYet('Looked over once more when no upload can name it any more.', SETTLED_AFTER_SECONDS - age);
    }
  }
}
