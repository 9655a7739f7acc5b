import { Injectable } from '@nestjs/common';
import type { Job } from '#contracts';
import { AuditRecord } from '../../audit/index.js';
import { LetGo, Spreads } from '../../connections/index.js';
import { Database } from '../../database/index.js';
import { Jobs } from '../../jobs/index.js';
import { beginDrain, drainOf, endDrain, undrained } from './drains.store.js';
import { DRAIN } from './kinds.js';

export interface DrainOwner {
  readonly account: string;
  readonly admin: boolean;
}

/** Begins to empty a connection, and leaves off again. What is to be done follows from its row; the job looks at that. */
@Injectable()
export class Drain {
  constructor(
    private readonly database: Database,
    private readonly letGo: LetGo,
    private readonly spreads: Spreads,
    private readonly jobs: Jobs,
    private readonly audit: AuditRecord,
  ) {}

  /** Asked again, the same job. Throws ConnectionUnknown, AdminsOnly. */
  async begin(by: DrainOwner, id: string): Promise<Job> {
    const job = await this.database.tx(async (sql) => {
      const { account, drain_since: since, provider } = await this.letGo.theirs(by, id, sql, true);
      if (since === null) {
        await beginDrain(sql, id);
        const details = { provider, house: account === null };
        const entry = { actor: by.account, account, action: 'connection.drain_began', subject: id, details };
        await this.audit.append(sql, entry);
      }
      return this.jobs.enqueue(sql, { kind: DRAIN, account, ids: { connection: id } });
    });
    this.spreads.forget();
    return job;
  }

  /** New chunks go there again; what was moved stays where it is. The job notices, and ends. */
  async leaveOff(by: DrainOwner, id: string): Promise<void> {
    await this.database.tx(async (sql) => {
      const { account, provider } = await this.letGo.theirs(by, id, sql, true);
      if (!(await endDrain(sql, id))) return;
      const details = { provider, house: account === null };
      await this.audit.append(sql, {
        actor: by.account,
        account,
        action: 'connection.drain_ended',
        subject: id,
        details,
      });
      // Where it waits for its next look, it need not.
      const job = await this.jobs.enqueue(sql, { kind: DRAIN, account, ids: { connection: id } });
      await this.jobs.hurry(sql, job.id);
    });
    this.spreads.forget();
  }

  /** What came to lie there after its job had ended is moved off as well: another gateway had planned with it. */
  async goOn(): Promise<void> {
    for (const { id, account } of await undrained(this.database)) {
      await this.database.tx(async (sql) => {
        const row = await drainOf(sql, id);
        if (!row?.drain_since) return;
        await this.jobs.enqueue(sql, { kind: DRAIN, account, ids: { connection: id } });
      });
    }
  }
}
