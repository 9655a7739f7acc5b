import { randomUUIDv7 } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Job, JobPage } from '#contracts';
import { Database, type Sql } from '../database/index.js';
import { JobKindUnfit, JobNotCancellable, JobUnknown } from './faults.js';
import { JobKinds } from './job-kinds.js';
import { cancelJob, endedLately, hurryJob, insertJob, jobById, jobsOf, sameJob, type JobRow } from './jobs.store.js';

export interface NewJob {
  readonly kind: string;
  /** Whose it is; null for the house's, which admins see. */
  readonly account: string | null;
  /** What it is about: UUIDs by name, and nothing else. Two jobs of a kind about the same are one, while it has not ended. */
  readonly ids: Readonly<Record<string, string>>;
}

/** Who looks: admins see the house's jobs beside their own. */
export interface Onlooker {
  readonly account: string;
  readonly admin: boolean;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const MOST_LOOKS = 20;

/** Asking for work that outlives the request, and looking how far it is. */
@Injectable()
export class Jobs {
  constructor(
    private readonly database: Database,
    private readonly kinds: JobKinds,
  ) {}

  /**
   * Asks for a job inside the caller's own transaction: it is there if and only if what the transaction does is, and
   * starts a moment after the commit. Where the same is under way, that one is the answer.
   */
  async enqueue(sql: Sql, { kind, account, ids }: NewJob): Promise<Job> {
    this.kinds.get(kind);
    if (Object.values(ids).some((id) => !UUID.test(id))) throw new JobKindUnfit('A job is told ids, and nothing else.');
    for (let look = 0; look < MOST_LOOKS; look++) {
      const row = (await insertJob(sql, { id: randomUUIDv7(), kind, account, ids })) ?? (await sameJob(sql, kind, ids));
      if (row !== undefined) return asJob(row);
    }
    throw new JobKindUnfit('The same job began and ended under every look.');
  }

  /** Somebody has changed what a job failed at: it need not wait for its next attempt. */
  async hurry(sql: Sql, id: string): Promise<void> {
    await hurryJob(sql, id);
  }

  /** Whether such a job came to its end so lately: then there is no need to ask for it again. */
  endedLately(kind: string, ids: Readonly<Record<string, string>>, seconds: number): Promise<boolean> {
    return endedLately(this.database, kind, ids, seconds);
  }

  /** Throws JobUnknown, also for somebody else's. */
  async get(by: Onlooker, id: string): Promise<Job> {
    return asJob(await this.#visible(this.database, by, id));
  }

  async list(by: Onlooker, page: { cursor?: string; limit: number }): Promise<JobPage> {
    const before = UUID.test(page.cursor ?? '') ? (page.cursor as string) : null;
    const whose = { account: by.account, house: by.admin };
    const rows = await jobsOf(this.database, whose, { before, most: page.limit + 1 });
    const items = rows.slice(0, page.limit).map(asJob);
    return rows.length > page.limit ? { items, nextCursor: items.at(-1)!.id } : { items };
  }

  /** One that waits has ended when this returns; one that runs is told, and ends when its handler looks. Throws JobNotCancellable. */
  async cancel(by: Onlooker, id: string): Promise<Job> {
    return this.database.tx(async (sql) => {
      const row = await this.#visible(sql, by, id);
      if (!this.kinds.get(row.kind).cancellable) throw new JobNotCancellable();
      const cancelled = await cancelJob(sql, id);
      if (cancelled === undefined) throw new JobNotCancellable();
      return asJob(cancelled);
    });
  }

  async #visible(sql: Sql, by: Onlooker, id: string): Promise<JobRow> {
    const row = await jobById(sql, id);
    if (row === undefined || !(row.account === null ? by.admin : row.account === by.account)) throw new JobUnknown();
    return row;
  }
}

function asJob(row: JobRow): Job {
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    progress: { done: row.done, total: row.total, note: row.note },
    error: row.error,
    createdAt: row.created_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
  };
}
