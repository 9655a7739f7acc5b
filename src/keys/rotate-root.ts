import { Injectable, Logger } from '@nestjs/common';
import { unwrapKey, wrapKey } from '#crypto';
import { Database } from '../database/index.js';
import { accountContext } from './account-keyring.js';
import { keysUnderOtherEpochs, replaceWrapping } from './keys.store.js';
import { RootKeyring } from './root-keys.js';

const BATCH = 200;

/** Re-wraps at most so many keys, and answers how many there were. */
type RewrapBatch = (most: number) => Promise<number>;

/** Re-wraps account keys, and what later rooms add, under the current root epoch. Moves no byte of data; may stop anywhere and go on later. */
@Injectable()
export class RotateRoot {
  private readonly log = new Logger('keys');
  private readonly batches: RewrapBatch[] = [(most) => this.accountKeys(most)];

  constructor(
    private readonly roots: RootKeyring,
    private readonly database: Database,
  ) {}

  /** A later room whose keys lie under the root key too says how they are re-wrapped, a batch at a call. */
  also(batch: RewrapBatch): void {
    this.batches.push(batch);
  }

  async run(): Promise<void> {
    let total = 0;
    for (const batch of this.batches) {
      for (let count = BATCH; count === BATCH; total += count) count = await batch(BATCH);
    }
    if (total > 0) this.log.log(`Re-wrapped ${total} keys under root epoch ${this.roots.currentEpoch}.`);
  }

  private accountKeys(most: number): Promise<number> {
    const epoch = this.roots.currentEpoch;
    return this.database.tx(async (sql) => {
      const rows = await keysUnderOtherEpochs(sql, epoch, most);
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
