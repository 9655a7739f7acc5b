import { Injectable } from '@nestjs/common';
import { AuditRecord } from '../../audit/index.js';
import { Database } from '../../database/index.js';
import { Jobs } from '../../jobs/index.js';
import { REPAIR } from '../moving/index.js';
import { endScrub, hasFaults, type ScrubRow, scrubOf } from './scrubs.store.js';
import { APART_SECONDS, type Turn } from './turn.js';

/** A little beyond an hour, so that the second look certainly counts as one. */
const SOON_SECONDS = APART_SECONDS + 300;

/** Ends a scrub: the record is told of what it found, and repair is asked for where there is something to do. */
@Injectable()
export class EndScrub {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditRecord,
    private readonly jobs: Jobs,
  ) {}

  async run({ job, row, scrub: { connection, run } }: Turn): Promise<void> {
    await this.database.tx(async (sql) => {
      const scrub = await scrubOf(sql, connection, true);
      if (scrub?.run !== run || !(await endScrub(sql, scrub, SOON_SECONDS))) return;
      await job.hold(sql);
      if (foundSomething(scrub)) {
        const { account } = row;
        await this.audit.append(sql, {
          account,
          action: 'connection.scrubbed',
          subject: connection,
          details: told(scrub),
        });
      }
      if (await hasFaults(sql, connection)) {
        await this.jobs.enqueue(sql, { kind: REPAIR, account: null, ids: {} });
      }
    });
  }
}

function foundSomething({ missing, damaged, healed, swept, place, unlistable }: ScrubRow): boolean {
  return missing + damaged + healed + swept > 0 || place !== 'whole' || unlistable;
}

function told({ known, listed, read, missing, damaged, healed, swept, place, unlistable, asked }: ScrubRow) {
  return { known, listed, read, missing, damaged, healed, swept, place: place ?? 'another’s', unlistable, asked };
}
