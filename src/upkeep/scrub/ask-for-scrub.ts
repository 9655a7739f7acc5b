import { randomUUIDv7 } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Job, ScrubReads } from '#contracts';
import { AuditRecord } from '../../audit/index.js';
import { Config } from '../../config/index.js';
import { LetGo, lockConnection } from '../../connections/index.js';
import { Database, type Sql } from '../../database/index.js';
import { Jobs } from '../../jobs/index.js';
import { SCRUB_JOB } from './scrub-job.js';
import { beginScrub, dueScrubs, noteScrub, type Reads, scrubOf } from './scrubs.store.js';

export interface Asking {
  readonly account: string;
  readonly admin: boolean;
}

const EAGERNESS: readonly Reads[] = ['due', 'sample', 'needed', 'all'];

/** Has a connection looked through: when somebody wants it, and once a day. */
@Injectable()
export class AskForScrub {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly letGo: LetGo,
    private readonly jobs: Jobs,
    private readonly audit: AuditRecord,
  ) {}

  /** Begins from the first page, also where one is under way: what was lost a moment ago is found. Throws ConnectionUnknown, AdminsOnly. */
  async now(by: Asking, id: string, reads: ScrubReads): Promise<Job> {
    return this.database.tx(async (sql) => {
      const { account } = await this.letGo.theirs(by, id, sql, true);
      return this.begin(sql, { id, account }, { asked: true, saidLost: false, reads });
    });
  }

  /** Its owner says that all that lay there is lost: if there is no marker, there will be a new one. */
  async lost(by: Asking, id: string): Promise<Job> {
    return this.database.tx(async (sql) => {
      const { account } = await this.letGo.theirs(by, id, sql, true);
      await this.audit.append(sql, { actor: by.account, account, action: 'connection.said_lost', subject: id });
      return this.begin(sql, { id, account }, { asked: true, saidLost: true, reads: 'needed' });
    });
  }

  async due(): Promise<void> {
    const { scrubHours } = this.config;
    if (scrubHours === 0) return;
    for (const connection of await dueScrubs(this.database, scrubHours)) {
      await this.database.tx(async (sql) => {
        await lockConnection(sql, connection.id);
        const still = await dueScrubs(sql, scrubHours);
        if (!still.some(({ id }) => id === connection.id)) return;
        await this.begin(sql, connection, { asked: false, saidLost: false, reads: 'due' });
      });
    }
  }

  private async begin(
    sql: Sql,
    { id, account }: { id: string; account: string | null },
    wanted: { asked: boolean; saidLost: boolean; reads: Reads },
  ): Promise<Job> {
    const before = await scrubOf(sql, id, true);
    const open = before !== undefined && before.endedAt === null ? before : null;
    const reads = open && EAGERNESS.indexOf(open.reads) > EAGERNESS.indexOf(wanted.reads) ? open.reads : wanted.reads;
    const saidLost = wanted.saidLost || (open?.saidLost ?? false);
    const asked = wanted.asked || (open?.asked ?? false);
    // Nothing was looked at yet: whoever asks again and again while a place is away is told of the same.
    if (open?.place === null && open.reads === reads && open.saidLost === saidLost && open.asked === asked) {
      await noteScrub(sql, open, {});
      const job = await this.jobs.enqueue(sql, { kind: SCRUB_JOB, account, ids: { connection: id, run: open.run } });
      await this.jobs.hurry(sql, job.id);
      return job;
    }
    const everyHours = this.config.scrubHours || 24;
    const run = randomUUIDv7();
    await beginScrub(sql, { connection: id, run, asked, saidLost, reads, everyHours });
    return this.jobs.enqueue(sql, { kind: SCRUB_JOB, account, ids: { connection: id, run } });
  }
}
