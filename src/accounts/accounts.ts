import { randomUUIDv7 } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { NewUser, Role, User, UserChange, UserPage, UserQuery } from '#contracts';
import { AuditRecord } from '../audit/index.js';
import { Database, type Sql } from '../database/index.js';
import { AccountHooks } from './account-hooks.js';
import { asUser, pageOf } from './account-records.js';
import { type AccountRow, findById, insertAccount, listAccounts, lockAdmins, updateAccount } from './account.store.js';
import { emailKey } from './email-key.js';
import { AccountMissing, EmailTaken, LastAdmin, PasswordIsOwners } from './faults.js';
import { OneTimeLinks } from './one-time-links.js';
import { deleteLinksOf } from './one-time-link.store.js';
import { requireStrong } from './password-rule.js';
import { Passwords } from './passwords.js';
import { Remembered } from './remembered.js';
import { deleteSessions } from './session.store.js';

export interface NewAccount {
  readonly email: string;
  readonly passwordHash: string | null;
  readonly roles: readonly Role[];
  readonly quotaBytes?: number | null;
}

/** The accounts as an admin sees them. Never their files, never their clouds. */
@Injectable()
export class Accounts {
  constructor(
    private readonly database: Database,
    private readonly hooks: AccountHooks,
    private readonly record: AuditRecord,
    private readonly links: OneTimeLinks,
    private readonly passwords: Passwords,
    private readonly remembered: Remembered,
  ) {}

  async list(query: UserQuery): Promise<UserPage> {
    const after =
      query.cursor === undefined ? '' : Buffer.from(query.cursor, 'base64url').toString().replaceAll('\0', '');
    const rows = await listAccounts(this.database, {
      search: emailKey(query.search ?? ''),
      after: after,
      limit: query.limit + 1,
    });
    return pageOf(rows, query.limit);
  }

  async get(id: string): Promise<User> {
    return asUser(found(await findById(this.database, id)));
  }

  /** One transaction with everything that other rooms make for an account. Throws EmailTaken. */
  async create(sql: Sql, account: NewAccount, actor: string | null): Promise<AccountRow> {
    const row = await insertAccount(sql, {
      id: randomUUIDv7(),
      email: account.email.trim().normalize('NFC'),
      emailKey: emailKey(account.email),
      passwordHash: account.passwordHash,
      roles: account.roles,
      quotaBytes: account.quotaBytes ?? null,
    });
    if (row === undefined) throw new EmailTaken();
    await this.hooks.created(sql, row.id);
    const details = { roles: [...row.roles], quotaBytes: row.quota_bytes };
    await this.record.append(sql, { actor, account: row.id, action: 'account.created', subject: row.id, details });
    return row;
  }

  /** Without a password the answer holds a link that sets one. Throws EmailTaken, WeakPassword. */
  async createByAdmin(user: NewUser, actor: string): Promise<User> {
    if (user.password !== undefined) requireStrong(user.password, user.email);
    const passwordHash = user.password === undefined ? null : await this.passwords.hash(user.password);
    return this.database.tx(async (sql) => {
      const row = await this.create(sql, { ...user, passwordHash }, actor);
      if (passwordHash !== null) return asUser(row);
      return asUser(row, await this.links.makePasswordLink(sql, row.id));
    });
  }

  /** Throws AccountMissing, LastAdmin, PasswordIsOwners. What it takes away is gone when it returns. */
  async change(id: string, change: UserChange, actor: string): Promise<User> {
    const user = await this.database.tx((sql) => this.#change(sql, id, change, actor));
    this.remembered.forget();
    return user;
  }

  async #change(sql: Sql, id: string, change: UserChange, actor: string): Promise<User> {
    const admins = await lockAdmins(sql);
    const before = found(await findById(sql, id, true));
    if (change.resetPassword === true && before.last_sign_in_at !== null) throw new PasswordIsOwners();
    const to = {
      roles: change.roles ?? before.roles,
      quotaBytes: change.quotaBytes === undefined ? before.quota_bytes : change.quotaBytes,
      disabled: change.disabled ?? before.disabled_at !== null,
    };
    const staysAdmin = to.roles.includes('admin') && !to.disabled;
    if (!staysAdmin && admins.includes(id) && admins.length === 1) throw new LastAdmin();
    const after = await updateAccount(sql, id, to);
    if (to.disabled) await this.#shut(sql, id);
    await this.#tell(sql, before, after, actor);
    return change.resetPassword === true && !to.disabled ? this.#withLink(sql, after, actor) : asUser(after);
  }

  async #shut(sql: Sql, id: string): Promise<void> {
    await deleteSessions(sql, id);
    await deleteLinksOf(sql, id);
  }

  async #withLink(sql: Sql, row: AccountRow, actor: string): Promise<User> {
    const link = await this.links.makePasswordLink(sql, row.id);
    await this.record.append(sql, { actor, account: row.id, action: 'account.reset-offered', subject: row.id });
    return asUser(row, link);
  }

  async #tell(sql: Sql, before: AccountRow, after: AccountRow, actor: string): Promise<void> {
    const entry = { actor, account: after.id, subject: after.id };
    const roles = [...before.roles].sort().join() === [...after.roles].sort().join() ? undefined : [...after.roles];
    const quotaBytes = before.quota_bytes === after.quota_bytes ? undefined : after.quota_bytes;
    if (roles !== undefined || quotaBytes !== undefined) {
      await this.record.append(sql, { ...entry, action: 'account.changed', details: { roles, quotaBytes } });
    }
    if ((before.disabled_at === null) !== (after.disabled_at === null)) {
      await this.record.append(sql, {
        ...entry,
        action: after.disabled_at === null ? 'account.enabled' : 'account.disabled',
      });
    }
  }
}

function found(row: AccountRow | undefined): AccountRow {
  if (row === undefined) throw new AccountMissing();
  return row;
}
