import { randomUUIDv7 } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import type { AppPasswordList, NewAppPassword } from '#contracts';
import { AuditRecord } from '../audit/index.js';
import { Database } from '../database/index.js';
import {
  countAppPasswords,
  deleteAppPassword,
  findAppPassword,
  insertAppPassword,
  listAppPasswords,
  touchAppPassword,
} from './app-password.store.js';
import { findById } from './account.store.js';
import type { BriefCache } from './brief-cache.js';
import { emailKey } from './email-key.js';
import { AppPasswordMissing, TooManyAppPasswords } from './faults.js';
import type { Identity } from './identity.js';
import { newAppPassword, sha256 } from './opaque-token.js';
import { Remembered } from './remembered.js';

const MOST = 100;

/** Passwords for programs: made by us, 160 random bits, shown once, revocable one by one. */
@Injectable()
export class AppPasswords {
  readonly #log = new Logger('App passwords');
  readonly #found: BriefCache<Identity>;

  constructor(
    private readonly database: Database,
    private readonly record: AuditRecord,
    private readonly remembered: Remembered,
  ) {
    this.#found = remembered.cache();
  }

  async make(owner: Identity, label: string): Promise<NewAppPassword> {
    const id = randomUUIDv7();
    const password = newAppPassword();
    const row = await this.database.tx(async (sql) => {
      await findById(sql, owner.accountId, true);
      if ((await countAppPasswords(sql, owner.accountId)) >= MOST) throw new TooManyAppPasswords(MOST);
      const made = await insertAppPassword(sql, { id, account: owner.accountId, label, secretHash: sha256(password) });
      await this.record.append(sql, this.#entry(owner, 'app-password.made', id));
      return made;
    });
    return { id, label: row.label, username: owner.email, password, createdAt: row.created_at.toISOString() };
  }

  async list(account: string): Promise<AppPasswordList> {
    const rows = await listAppPasswords(this.database, account);
    return {
      items: rows.map((row) => ({
        id: row.id,
        label: row.label,
        createdAt: row.created_at.toISOString(),
        lastUsedAt: row.last_used_at?.toISOString() ?? null,
      })),
    };
  }

  /** Somebody else's is as missing as one that never was. */
  async revoke(owner: Identity, id: string): Promise<void> {
    await this.database.tx(async (sql) => {
      if (!(await deleteAppPassword(sql, owner.accountId, id))) throw new AppPasswordMissing();
      await this.record.append(sql, this.#entry(owner, 'app-password.revoked', id));
    });
    this.remembered.forget();
  }

  async find(email: string, password: string): Promise<Identity | null> {
    const hash = sha256(password);
    const key = emailKey(email);
    return this.#found.get(`${hash.toString('base64')} ${key}`, () => this.#load(key, hash));
  }

  async #load(key: string, hash: Buffer): Promise<Identity | null> {
    const row = await findAppPassword(this.database, key, hash);
    if (row === null) return null;
    if (row.stale) this.#touch(row.id);
    return { accountId: row.account, email: row.email, roles: Object.freeze(row.roles) };
  }

  #touch(id: string): void {
    touchAppPassword(this.database, id).catch((error: Error) =>
      this.#log.warn(`Last use not written: ${error.message}`),
    );
  }

  #entry(owner: Identity, action: string, id: string) {
    return { actor: owner.accountId, account: owner.accountId, action, subject: id };
  }
}
