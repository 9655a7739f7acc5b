import { Injectable } from '@nestjs/common';
import type { Job } from '#contracts';
import { AccountMissing, RetireAccount } from '../accounts/index.js';
import { AuditRecord } from '../audit/index.js';
import { disableConnectionsOf, dropSpread } from '../connections/index.js';
import { eraseAllContents } from '../contents/index.js';
import { Database, type Sql } from '../database/index.js';
import { Jobs } from '../jobs/index.js';
import { AccountKeyring } from '../keys/index.js';
import { PURGE_ACCOUNT } from './purge-account.js';
import { beginPurge, purgeOf, settlePurge } from './purge.store.js';

/**
 * Deletes an account. One transaction is the point of no return: nobody signs in any more, the account's keys and those of
 * every content are destroyed, the record is told, and the job that clears away the rest is asked for. Either all of it
 * happened, or nothing. Asked again, it answers the same job; `force` lets the purge end without what cannot be reached.
 */
@Injectable()
export class DeleteAccount {
  constructor(
    private readonly database: Database,
    private readonly retirement: RetireAccount,
    private readonly keyring: AccountKeyring,
    private readonly jobs: Jobs,
    private readonly audit: AuditRecord,
  ) {}

  /** Throws AccountMissing, also when the purge has ended; LastAdmin, OwnAccount. */
  async run(by: string, account: string, force: boolean): Promise<Job> {
    const job = await this.database.tx(async (sql) => {
      if (await this.retirement.run(sql, account, by)) await this.begin(sql, by, account);
      const purge = await purgeOf(sql, account);
      if (!purge || purge.ended_at !== null) throw new AccountMissing();
      if (force) await settlePurge(sql, account);
      const asked = await this.jobs.enqueue(sql, { kind: PURGE_ACCOUNT, account: null, ids: { account } });
      if (force) await this.jobs.hurry(sql, asked.id);
      return asked;
    });
    this.retirement.forget();
    this.keyring.forget(account);
    return job;
  }

  private async begin(sql: Sql, by: string, account: string): Promise<void> {
    await this.keyring.destroy(sql, account);
    const contents = await eraseAllContents(sql, account);
    const places = await disableConnectionsOf(sql, account);
    await dropSpread(sql, account);
    await beginPurge(sql, account, by, places);
    const details = { contents, connections: places.length };
    await this.audit.append(sql, { actor: by, account, action: 'account.deleted', subject: account, details });
  }
}
