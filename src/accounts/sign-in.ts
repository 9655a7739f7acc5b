import { Injectable } from '@nestjs/common';
import type { Account, PasswordChange, SignInAnswer, SignInRequest } from '#contracts';
import { AuditRecord } from '../audit/index.js';
import { Database } from '../database/index.js';
import { asAccount } from './account-records.js';
import { confirmForSignIn, findById, setPassword } from './account.store.js';
import { addressKey } from './client-address.js';
import { AccountMissing, SignInRefused, WrongPassword } from './faults.js';
import type { Identity } from './identity.js';
import { deleteLinksOf } from './one-time-link.store.js';
import { PasswordCheck } from './password-check.js';
import { requireStrong } from './password-rule.js';
import { Passwords } from './passwords.js';
import { Remembered } from './remembered.js';
import { Sessions } from './sessions.js';

/** Signing in with a password, signing out, changing the password. */
@Injectable()
export class SignIn {
  constructor(
    private readonly database: Database,
    private readonly passwordCheck: PasswordCheck,
    private readonly passwords: Passwords,
    private readonly sessions: Sessions,
    private readonly record: AuditRecord,
    private readonly remembered: Remembered,
  ) {}

  /** Throws SignInRefused, TooManyAttempts, HashingBusy. A new session each time, whatever the caller carried. */
  async signIn(request: SignInRequest, address: string | undefined): Promise<SignInAnswer> {
    const { email, password } = request;
    const account = await this.passwordCheck.check({ email, password, address, via: 'login' });
    if (account === null) throw new SignInRefused();
    return this.database.tx(async (sql) => {
      if (!(await confirmForSignIn(sql, account))) throw new SignInRefused();
      // A link that an admin was shown ends with the first sign-in: it would open what the owner stores from now on.
      if (account.last_sign_in_at === null) await deleteLinksOf(sql, account.id);
      const session = await this.sessions.open(sql, account.id);
      const details = { via: 'login', address: addressKey(address) };
      const who = { actor: account.id, account: account.id };
      await this.record.append(sql, { ...who, action: 'sign-in.ok', subject: session.id, details });
      return { token: session.token, expiresAt: session.expiresAt.toISOString(), account: asAccount(account) };
    });
  }

  async signOut(who: Identity): Promise<void> {
    await this.database.tx(async (sql) => {
      if (who.sessionId !== undefined) await this.sessions.end(sql, who.sessionId);
      const entry = { actor: who.accountId, account: who.accountId, action: 'sign-out', subject: who.sessionId };
      await this.record.append(sql, entry);
    });
    this.remembered.forget();
  }

  async me(who: Identity): Promise<Account> {
    const row = await findById(this.database, who.accountId);
    if (row === undefined) throw new AccountMissing();
    return asAccount(row);
  }

  /** Ends every other session and every link that could set the password; app passwords go on. Throws WrongPassword, WeakPassword. */
  async changePassword(who: Identity, change: PasswordChange, address: string | undefined): Promise<void> {
    const attempt = { email: who.email, password: change.currentPassword, address, via: 'password-change' };
    const account = await this.passwordCheck.check(attempt);
    if (account === null || account.id !== who.accountId) throw new WrongPassword();
    requireStrong(change.newPassword, account.email);
    const hash = await this.passwords.hash(change.newPassword);
    await this.database.tx(async (sql) => {
      const now = await findById(sql, account.id, true);
      if (now?.credential_version !== account.credential_version) throw new WrongPassword();
      await setPassword(sql, account.id, hash);
      await this.sessions.endAll(sql, account.id, who.sessionId);
      await deleteLinksOf(sql, account.id);
      const entry = { actor: account.id, account: account.id, action: 'password.changed', subject: account.id };
      await this.record.append(sql, entry);
    });
    this.remembered.forget();
  }
}
