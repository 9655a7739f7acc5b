import { Injectable } from '@nestjs/common';
import type { Sql } from '../database/index.js';

export type AccountHook = (sql: Sql, accountId: string) => Promise<void>;

/**
 * What other rooms make for every new account, inside the transaction that makes it. A room below registers its hook in
 * `onModuleInit`; the first account is made after that. A room asks a later one by a job row, but what must be there from
 * the account's first moment (its root folder, its key) cannot wait for a job.
 */
@Injectable()
export class AccountHooks {
  readonly #created: AccountHook[] = [];

  onAccountCreated(hook: AccountHook): void {
    this.#created.push(hook);
  }

  async created(sql: Sql, accountId: string): Promise<void> {
    for (const hook of this.#created) await hook(sql, accountId);
  }
}
