import { Injectable, Logger } from '@nestjs/common';
import { AuditRecord } from '../audit/index.js';
import { Database } from '../database/index.js';
import { type AccountRow, findByEmail, replaceHash } from './account.store.js';
import { addressKey } from './client-address.js';
import { emailKey } from './email-key.js';
import { HashUnacceptable } from './faults.js';
import { sha256 } from './opaque-token.js';
import { Passwords } from './passwords.js';
import { type Attempt, SignInLimiter } from './sign-in-limiter.js';

export interface PasswordAttempt extends Attempt {
  readonly password: string;
  /** The door: `login`, `basic`, `password-change`. */
  readonly via: string;
}

/**
 * The one place where an account's password is compared: behind the limiter, with the same work whether or not the account
 * exists, has a password, or is disabled.
 */
@Injectable()
export class PasswordCheck {
  readonly #log = new Logger('Sign-in');

  constructor(
    private readonly database: Database,
    private readonly limiter: SignInLimiter,
    private readonly passwords: Passwords,
    private readonly record: AuditRecord,
  ) {}

  /** The account, or null. Throws TooManyAttempts, HashingBusy. */
  check(attempt: PasswordAttempt): Promise<AccountRow | null> {
    return this.limiter.guard(attempt, async () => {
      const account = await findByEmail(this.database, emailKey(attempt.email));
      const matches = await this.#matches(account?.password_hash ?? null, attempt.password);
      if (account !== undefined && matches && account.disabled_at === null) {
        await this.#renewHash(account, attempt.password);
        return account;
      }
      await this.#tellRefusal(attempt, account, matches);
      return null;
    });
  }

  async #matches(stored: string | null, password: string): Promise<boolean> {
    if (stored === null) return this.passwords.matchesNobody(password);
    try {
      return await this.passwords.matches(stored, password);
    } catch (error) {
      if (!(error instanceof HashUnacceptable)) throw error;
      this.#log.error(
        'A stored password hash has parameters outside the bounds: somebody may have changed the database.',
      );
      return this.passwords.matchesNobody(password);
    }
  }

  async #renewHash(account: AccountRow, password: string): Promise<void> {
    const stored = account.password_hash!;
    if (!this.passwords.isOutdated(stored)) return;
    await replaceHash(this.database, account.id, stored, await this.passwords.hash(password));
  }

  /** An address that has no account stays unreadable in the record: people type passwords into the wrong field. */
  async #tellRefusal(attempt: PasswordAttempt, account: AccountRow | undefined, matches: boolean): Promise<void> {
    const details = {
      via: attempt.via,
      address: addressKey(attempt.address),
      reason: account === undefined ? 'unknown-account' : matches ? 'disabled' : 'wrong-password',
      emailHash: account === undefined ? sha256(emailKey(attempt.email)).toString('hex', 0, 8) : undefined,
    };
    await this.database.tx((sql) =>
      this.record.append(sql, { account: account?.id, action: 'sign-in.refused', subject: account?.id, details }),
    );
  }
}
