import { Inject, Injectable } from '@nestjs/common';
import { AuditRecord } from '../audit/index.js';
import { Config } from '../config/index.js';
import { Database } from '../database/index.js';
import { countAgain, giveUpUnreachable } from './giving-up.store.js';
import { Spreads } from './spreads.js';

/**
 * When a connection that does not answer is only away, and when it is lost: after some days nobody waits for it any more,
 * and what lies there is made anew elsewhere. It is asked on; when it answers, it counts again.
 */
@Injectable()
export class GivingUp {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditRecord,
    private readonly spreads: Spreads,
    @Inject(Config) private readonly config: Config,
  ) {}

  async run(): Promise<void> {
    const days = this.config.giveUpDays;
    const changed = await this.database.tx(async (sql) => {
      const back = await countAgain(sql);
      const lost = days === 0 ? [] : await giveUpUnreachable(sql, days);
      for (const { id, account } of back) {
        await this.audit.append(sql, { account, action: 'connection.back', subject: id });
      }
      for (const { id, account } of lost) {
        await this.audit.append(sql, { account, action: 'connection.given-up', subject: id, details: { days } });
      }
      return back.length + lost.length;
    });
    if (changed > 0) this.spreads.forget();
  }
}
