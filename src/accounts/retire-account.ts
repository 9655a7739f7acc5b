import { Injectable } from '@nestjs/common';
import type { Sql } from '../database/index.js';
import { lockAdmins } from './account.store.js';
import { AccountMissing, LastAdmin, OwnAccount } from './faults.js';
import { deleteLinksOf } from './one-time-link.store.js';
import { Remembered } from './remembered.js';
import { deleteAppPasswords, eraseAddress, lockEvenDeleted, retire } from './retirement.store.js';
import { deleteSessions } from './session.store.js';

/** The end of an account, as far as signing in goes. What it owns is a matter of later rooms, in the same transaction. */
@Injectable()
export class RetireAccount {
  constructor(private readonly remembered: Remembered) {}

  /**
   * Every way in is gone with the transaction. False for one that was retired before. Throws AccountMissing, LastAdmin,
   * OwnAccount.
   */
  async run(sql: Sql, id: string, actor: string): Promise<boolean> {
    const admins = await lockAdmins(sql);
    const account = await lockEvenDeleted(sql, id);
    if (account === undefined) throw new AccountMissing();
    if (account.deleted) return false;
    if (admins.length === 1 && admins[0] === id) throw new LastAdmin();
    if (id === actor) throw new OwnAccount();
    await retire(sql, id);
    await deleteSessions(sql, id);
    await deleteAppPasswords(sql, id);
    await deleteLinksOf(sql, id);
    return true;
  }

  /** Its e-mail address stood there until now, so that those who look after the purge knew whose it was. */
  async eraseAddress(sql: Sql, id: string): Promise<void> {
    await eraseAddress(sql, id);
  }

  /** After the commit: who is remembered here as signed in is not any more. */
  forget(): void {
    this.remembered.forget();
  }
}
