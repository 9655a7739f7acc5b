import { Injectable } from '@nestjs/common';
import type { Account, SetUpRequest } from '#contracts';
import { AuditRecord } from '../audit/index.js';
import { Database, type Sql } from '../database/index.js';
import { asAccount } from './account-records.js';
import { type AccountRow, anyAccount, findById, lockFirstAccount, setPassword } from './account.store.js';
import { Accounts } from './accounts.js';
import { EmailMissing, LinkUsed } from './faults.js';
import { deleteSetUpLinks, type LinkRow, peekLink, takeLink } from './one-time-link.store.js';
import { looksLikeToken, sha256 } from './opaque-token.js';
import { requireStrong } from './password-rule.js';
import { Passwords } from './passwords.js';
import { Remembered } from './remembered.js';
import { deleteSessions } from './session.store.js';

/** What a one-time link is for: making the first account, or setting an account's password. */
@Injectable()
export class SetUp {
  constructor(
    private readonly database: Database,
    private readonly accounts: Accounts,
    private readonly passwords: Passwords,
    private readonly record: AuditRecord,
    private readonly remembered: Remembered,
  ) {}

  /** Uses the link up. Throws LinkUsed, EmailMissing, EmailTaken, WeakPassword; the link stays good then. */
  async use(request: SetUpRequest): Promise<{ made: boolean; account: Account }> {
    const hash = sha256(request.token);
    const link = looksLikeToken(request.token) ? await peekLink(this.database, hash) : null;
    if (link === null) throw new LinkUsed();
    const email = link.email ?? request.email;
    if (email === undefined) throw new EmailMissing();
    requireStrong(request.password, email);
    const passwordHash = await this.passwords.hash(request.password);
    const row = await this.database.tx(async (sql) => {
      if (link.purpose === 'set-up') await lockFirstAccount(sql);
      if (!(await takeLink(sql, hash))) throw new LinkUsed();
      return link.purpose === 'set-up' ? this.#first(sql, email, passwordHash) : this.#set(sql, link, passwordHash);
    });
    this.remembered.forget();
    return { made: link.purpose === 'set-up', account: asAccount(row) };
  }

  async #first(sql: Sql, email: string, passwordHash: string): Promise<AccountRow> {
    if (await anyAccount(sql)) throw new LinkUsed();
    await deleteSetUpLinks(sql);
    return this.accounts.create(sql, { email, passwordHash, roles: ['admin', 'user'] }, null);
  }

  async #set(sql: Sql, link: LinkRow, passwordHash: string): Promise<AccountRow> {
    const row = await findById(sql, link.account!, true);
    if (row === undefined || row.disabled_at !== null) throw new LinkUsed();
    await setPassword(sql, row.id, passwordHash);
    await deleteSessions(sql, row.id);
    const entry = { actor: row.id, account: row.id, action: 'password.set', subject: row.id };
    await this.record.append(sql, entry);
    return row;
  }
}
