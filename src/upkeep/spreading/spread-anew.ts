import { isDeepStrictEqual } from 'node:util';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { Job } from '#contracts';
import { AuditRecord } from '../../audit/index.js';
import { inSecondLine } from '#storage';
import { Spreads } from '../../connections/index.js';
import { Database } from '../../database/index.js';
import { JobKinds, type JobRun, Jobs, NotYet } from '../../jobs/index.js';
import { type Counts, SpreadingWork, type Wanted } from './spreading-work.js';

const SPREAD_ANEW = 're-spread';

const AGAIN_SECONDS = 60;

/**
 * Makes what an account has stored lie as its default storage says now: chunk by chunk spread anew, then moved off the
 * connections that are not chosen. Each chunk changes by itself and is readable throughout, so that the job may be killed,
 * or called off, anywhere, and a file of any size needs no more room than one chunk. Begins by looking what is left, and
 * does not end before all lies as the default storage says by then.
 */
@Injectable()
export class SpreadAnew implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly spreads: Spreads,
    private readonly jobs: Jobs,
    private readonly kinds: JobKinds,
    private readonly work: SpreadingWork,
    private readonly audit: AuditRecord,
  ) {}

  onModuleInit(): void {
    this.kinds.register({
      name: SPREAD_ANEW,
      attempts: null,
      cancellable: true,
      keyless: true,
      run: (job) => inSecondLine(() => this.run(job)),
    });
  }

  /** Asked again while it is under way, the same job. */
  begin(account: string): Promise<Job> {
    return this.database.tx(async (sql) => {
      const { data, parity } = await this.spreads.of(account, sql);
      const details = { data, parity };
      await this.audit.append(sql, { actor: account, account, action: 'storage.applied', subject: account, details });
      return this.jobs.enqueue(sql, { kind: SPREAD_ANEW, account, ids: { account } });
    });
  }

  private async run(job: JobRun): Promise<void> {
    const account = job.ids['account'] as string;
    const to = await this.spreads.of(account);
    const counts = await this.work.chunks(job, account, to);
    const homeless = to.connections === null ? 0 : await this.work.elsewhere(job, account, to.connections);
    const note = inWords(counts, homeless);
    await job.progress({ note });
    const later = (counts.nowhere ?? 0) + (counts.busy ?? 0) + (counts.unreadable ?? 0) + homeless;
    if (!(await this.isStill(job, to, later === 0))) return this.run(job);
    if (later > 0) throw new NotYet(note ?? 'Looked at again.', AGAIN_SECONDS);
  }

  /** Who wanted another one meanwhile, and asked for it to be applied, was told of this very job: else it ends here. */
  private isStill(job: JobRun, to: Wanted, ends: boolean): Promise<boolean> {
    return this.database.tx(async (sql) => {
      await job.hold(sql);
      const wanted = await this.spreads.of(job.ids['account'] as string, sql);
      if (!isDeepStrictEqual(wanted, to)) return false;
      if (ends) await job.end(sql);
      return true;
    });
  }
}

function inWords(counts: Counts, homeless: number): string | null {
  const parts = [];
  const pieces = (count: number, one: string, many: string): string =>
    count === 1 ? `One ${one}` : `${count} ${many}`;
  if (counts.nowhere)
    parts.push(`${pieces(counts.nowhere, 'chunk finds', 'chunks find')} no places as they are wanted.`);
  if (counts.unreadable) parts.push(`${pieces(counts.unreadable, 'chunk', 'chunks')} cannot be read as things are.`);
  if (counts.unmeasured) {
    parts.push(
      `${pieces(counts.unmeasured, 'chunk was', 'chunks were')} stored before this could be done, and stay as they are.`,
    );
  }
  if (homeless > 0)
    parts.push(`${pieces(homeless, 'piece finds', 'pieces find')} no place among the chosen connections.`);
  return parts.length > 0 ? parts.join(' ') : null;
}
