import { Injectable } from '@nestjs/common';
import { Ephemeral } from '../ephemeral/index.js';
import { addressKey } from './client-address.js';
import { emailKey } from './email-key.js';
import { TooManyAttempts } from './faults.js';
import { Line } from './line.js';
import { sha256 } from './opaque-token.js';

export interface Attempt {
  readonly email: string;
  readonly address: string | undefined;
}

interface Limit {
  /** Attempts in a window before any waiting. */
  readonly free: number;
  readonly windowMs: number;
  readonly longestWaitMs: number;
}

const MINUTE = 60_000;
/** One account from one address: a person who mistypes, or somebody who guesses at one account. */
const PAIR: Limit = { free: 5, windowMs: 60 * MINUTE, longestWaitMs: 5 * MINUTE };
/** One account from all addresses that never signed in to it: many machines that guess together. */
const ACCOUNT: Limit = { free: 20, windowMs: 60 * MINUTE, longestWaitMs: MINUTE };
/** One address at all accounts: somebody who tries one password at everybody's door. */
const ADDRESS: Limit = { free: 100, windowMs: 15 * MINUTE, longestWaitMs: MINUTE };

const KNOWN_MS = 30 * 24 * 60 * MINUTE;
const LONGEST_LINE = 64;

/**
 * One limiter for every way to sign in with something that can be guessed, known accounts and unknown ones alike.
 *
 * Beyond its free attempts each limit asks for a wait after every further one: a second, then twice as long each time, up
 * to its longest. Who comes too early is turned away without being counted, so that nobody's hammering makes a wait
 * longer, and every window ends: no account is ever locked for good. An address from which the account was signed in to
 * within 30 days is known, and stands only under the first limit: what strangers do elsewhere does not keep its owner out.
 * Attempts of one pair go one after another, so that guesses in parallel are counted like guesses in a row, and a
 * program that signs in many times at once with the right password is let in each time.
 */
@Injectable()
export class SignInLimiter {
  readonly #line = new Line(LONGEST_LINE, () => new TooManyAttempts(1));

  constructor(private readonly ephemeral: Ephemeral) {}

  /** Runs the check of a password, if it may run now. Null from it is a failure. Throws TooManyAttempts. */
  async guard<T>(attempt: Attempt, check: () => Promise<T | null>): Promise<T | null> {
    const keys = keysOf(attempt);
    return this.#line.run(keys.pair, async () => {
      await this.#enter(keys);
      const result = await check();
      await (result === null ? this.#countAtAddress(keys.address) : this.#clear(keys));
      return result;
    });
  }

  /** A secret that nobody can guess was wrong: it says nothing about an account, only about who knocks. */
  async noteStranger(address: string | undefined): Promise<void> {
    const key = `sign-in:address:${addressKey(address)}`;
    await this.#refuseWhileShut(key);
    await this.#countAtAddress(key);
  }

  async #enter(keys: Keys): Promise<void> {
    await this.#refuseWhileShut(keys.pair);
    const known = (await this.ephemeral.get(keys.known)) !== null;
    if (!known) {
      await this.#refuseWhileShut(keys.address);
      await this.#enterAccount(keys.account);
    }
    const { count } = await this.ephemeral.increment(keys.pair, PAIR.windowMs);
    await this.#shut(keys.pair, PAIR, count);
  }

  /** The gate is a counter: of many who come in one moment from many addresses, the first takes it. */
  async #enterAccount(key: string): Promise<void> {
    const { count } = await this.ephemeral.increment(key, ACCOUNT.windowMs);
    const wait = waitAfter(ACCOUNT, count);
    if (wait === 0) return;
    const gate = await this.ephemeral.increment(`${key}:gate`, wait);
    if (gate.count > 1) throw new TooManyAttempts(inSeconds(gate.remainingMs));
  }

  async #countAtAddress(key: string): Promise<void> {
    const { count } = await this.ephemeral.increment(key, ADDRESS.windowMs);
    await this.#shut(key, ADDRESS, count);
  }

  async #shut(key: string, limit: Limit, count: number): Promise<void> {
    const wait = waitAfter(limit, count);
    if (wait > 0) await this.ephemeral.put(`${key}:shut`, wait, wait);
  }

  async #refuseWhileShut(key: string): Promise<void> {
    const wait = await this.ephemeral.get<number>(`${key}:shut`);
    if (wait !== null) throw new TooManyAttempts(inSeconds(wait));
  }

  async #clear(keys: Keys): Promise<void> {
    await this.ephemeral.put(keys.known, true, KNOWN_MS);
    await Promise.all([keys.pair, keys.account].map((key) => this.ephemeral.reset(key)));
    await this.ephemeral.reset(`${keys.account}:gate`);
    await this.ephemeral.delete(`${keys.pair}:shut`);
  }
}

interface Keys {
  readonly pair: string;
  readonly account: string;
  readonly address: string;
  readonly known: string;
}

/** Addresses are hashed: what lies in the short-lived state tells nobody who has an account. */
function keysOf(attempt: Attempt): Keys {
  const account = sha256(emailKey(attempt.email)).toString('base64url');
  const address = addressKey(attempt.address);
  return {
    pair: `sign-in:pair:${account}:${address}`,
    account: `sign-in:account:${account}`,
    address: `sign-in:address:${address}`,
    known: `sign-in:known:${account}:${address}`,
  };
}

function waitAfter(limit: Limit, count: number): number {
  if (count <= limit.free) return 0;
  return Math.min(limit.longestWaitMs, 1000 * 2 ** Math.min(20, count - limit.free - 1));
}

function inSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
