import { createHmac, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database } from '../database/index.js';
import { type AccountRow, confirmForSignIn, type Standing, standingOf } from './account.store.js';
import { AppPasswords } from './app-passwords.js';
import type { BriefCache } from './brief-cache.js';
import { emailKey } from './email-key.js';
import { SignInRefused } from './faults.js';
import type { Identity } from './identity.js';
import { deleteLinksOf } from './one-time-link.store.js';
import { looksLikeAppPassword } from './opaque-token.js';
import { PasswordCheck } from './password-check.js';
import { Remembered } from './remembered.js';
import { SignInLimiter } from './sign-in-limiter.js';

interface Recollection {
  readonly accountId: string;
  readonly credentialVersion: number;
  readonly until: number;
}

/** Programs send their password with every request; it is hashed slowly once in a minute. */
const RECOLLECTION_MS = 60_000;
const MOST_RECOLLECTIONS = 1000;

/**
 * HTTP Basic: the e-mail address with an app password, or with the account's own. What is remembered of a good password is
 * a keyed hash under a key that lives and dies with this process, and it counts only while the account stands as it stood.
 */
@Injectable()
export class BasicSignIn {
  readonly #key = randomBytes(32);
  readonly #good = new Map<string, Recollection>();
  readonly #standing: BriefCache<Standing>;

  constructor(
    private readonly database: Database,
    private readonly appPasswords: AppPasswords,
    private readonly passwordCheck: PasswordCheck,
    private readonly limiter: SignInLimiter,
    remembered: Remembered,
  ) {
    this.#standing = remembered.cache();
  }

  /** Throws SignInRefused, TooManyAttempts, HashingBusy. */
  async signIn(email: string, password: string, address: string | undefined): Promise<Identity> {
    if (looksLikeAppPassword(password)) return this.#byAppPassword(email, password, address);
    const mark = createHmac('sha256', this.#key)
      .update(`${emailKey(email)}\0${password}`)
      .digest('base64');
    return (await this.#byRecollection(mark)) ?? this.#byPassword(email, password, address, mark);
  }

  async #byAppPassword(email: string, password: string, address: string | undefined): Promise<Identity> {
    const owner = await this.appPasswords.find(email, password);
    if (owner !== null) return owner;
    await this.limiter.noteStranger(address);
    throw new SignInRefused();
  }

  async #byRecollection(mark: string): Promise<Identity | null> {
    const known = this.#good.get(mark);
    if (known === undefined) return null;
    const standing = await this.#standing.get(known.accountId, () => standingOf(this.database, known.accountId));
    const holds = known.until > performance.now() && standing?.credential_version === known.credentialVersion;
    if (holds) return { accountId: known.accountId, email: standing.email, roles: standing.roles };
    this.#good.delete(mark);
    return null;
  }

  /** Counts like a sign-in: the account is its owner's from now on, and a link that an admin was shown ends. */
  async #firstUse(account: AccountRow): Promise<void> {
    await this.database.tx(async (sql) => {
      if (!(await confirmForSignIn(sql, account))) throw new SignInRefused();
      await deleteLinksOf(sql, account.id);
    });
  }

  async #byPassword(email: string, password: string, address: string | undefined, mark: string): Promise<Identity> {
    const account = await this.passwordCheck.check({ email, password, address, via: 'basic' });
    if (account === null) throw new SignInRefused();
    if (account.last_sign_in_at === null) await this.#firstUse(account);
    if (this.#good.size >= MOST_RECOLLECTIONS) this.#good.clear();
    const until = performance.now() + RECOLLECTION_MS;
    this.#good.set(mark, { accountId: account.id, credentialVersion: account.credential_version, until });
    return { accountId: account.id, email: account.email, roles: account.roles };
  }
}
