import { Injectable, Logger } from '@nestjs/common';
import { unwrapKey, wrapKey } from '#crypto';
import { Database } from '../database/index.js';
import { accountContext } from './account-keyring.js';
import { keysUnderOtherEpochs, replaceWrapping } from './keys.store.js';
import { RootKeyring } from './root-keys.js';

const BATCH = 200;

/** Re-wraps account keys under the current root epoch. Moves no byte of data; may stop anywhere and go on later. */
@Injectable()
export class RotateRoot {
  private readonly log = new Logger('keys');

  constructor(
    private readonly roots: RootKeyring,
    private readonly database: Database,
  ) {}

  async run(): Promise<number> {
    let total = 0;
    for (;;) {
      const count = await this.batch();
      total += count;
      if (count < BATCH) break;
    }
    if (total > 0) this.log.log(`Re-wrapped ${total} account keys under root epoch ${this.roots.currentEpoch}.`);
    return total;
  }

  private batch(): Promise<number> {
    const epoch = this.roots.currentEpoch;
    return this.database.tx(async (sql) => {
      const rows = await keysUnderOtherEpochs(sql, epoch, BATCH);
      for (const row of rows) {
        if (!row.wrapped) continue;
        const old = this.roots.epoch(row.root_epoch).accountWrap;
        const key = unwrapKey(old, row.wrapped, accountContext(row.account, row.id, row.root_epoch));
        const wrapped = wrapKey(this.roots.current.accountWrap, key, accountContext(row.account, row.id, epoch));
        key.wipe();
        await replaceWrapping(sql, row.account, { id: row.id, wrapped, root_epoch: epoch });
      }
      return rows.length;
    });
  }
}
