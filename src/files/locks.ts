import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Fault } from '#contracts';
import { Database, type Sql } from '../database/index.js';
import { Ephemeral } from '../ephemeral/index.js';
import { Locked, LockTokenUnfit, TooManyLocks, TreeBusy } from './errors.js';
import { enterFence, fenceOf, raiseFence } from './lock-fence.store.js';
import { conflicting, forbidding, type HeldLock, holdingAt, isAtOrBelow, type Touch } from './lock-rules.js';
import type { Names } from './names.js';

export type LockWish = Omit<HeldLock, 'token'>;

/** A function is asked only where anything was ever locked. */
export type Touches = readonly Touch[] | (() => Promise<readonly Touch[]>);

/** Asked in a transaction, before anything is written. */
export type Enter = (sql: Sql) => Promise<void>;

/** A lock was taken between the look at the locks and the transaction, or the write turned out to be another one: look again. */
export class LocksMoved extends Error {}

const MOST_LOOKS = 20;
const MOST_LOCKS = 255;
/** So many locks may be in the list that are over, before somebody looks. */
const TIDY_EVERY = 32;
/** Longer than any lock lives: the list may outlast its locks, never the other way round. */
const LIST_MS = 48 * 3_600_000;

/**
 * Locks on paths of an account's tree, shared by all gateways and heeded by every verb that writes, whatever door it came by.
 *
 * They lie in the short-lived state: one list for each account, changed by compare-and-swap, and beside it one key for each
 * lock, which vanishes when its time is over, by the clock of the server that keeps it. What vanishes early only permits.
 *
 * A write looks at the list first (and is refused early), then writes in a transaction. So that no lock slips in between, a
 * lock is entered into the list, then given a fencing token, which is noted in the database; a write notes the token
 * before it looks, and compares it in its transaction, under an advisory lock that the taker of a lock waits for. If it has
 * moved, the write looks again. A lock is answered only when every write that did not see it has ended.
 */
@Injectable()
export class Locks {
  constructor(
    private readonly ephemeral: Ephemeral,
    private readonly database: Database,
  ) {}

  /** Runs a write that no lock forbids; it calls `enter` at the beginning of its transaction. Throws Locked. */
  async guard<T>(
    account: string,
    touches: Touches,
    tokens: readonly string[] = [],
    work: (enter: Enter) => Promise<T>,
  ): Promise<T> {
    for (let look = 0; look < MOST_LOOKS; look++) {
      const enter = await this.admit(account, touches, tokens);
      try {
        return await work(enter);
      } catch (error) {
        if (!(error instanceof LocksMoved)) throw error;
      }
    }
    throw new TreeBusy();
  }

  /** What a write calls in its transaction; for writes that take long, and look again by themselves. Throws Locked. */
  async admit(account: string, touches: Touches, tokens: readonly string[] = []): Promise<Enter> {
    const fence = await fenceOf(this.database, account);
    if (fence > 0) {
      const touched = typeof touches === 'function' ? await touches() : touches;
      const locks = await this.#alive(account, forbidding(await this.#list(account), touched, tokens));
      if (locks.length > 0) throw new Locked();
    }
    return async (sql) => {
      if ((await enterFence(sql, account)) !== fence) throw new LocksMoved();
    };
  }

  /** The locks that hold what lies at the path; of a folder asked for as `deep`, also those on what lies in it. */
  async at(account: string, names: Names, deep = false): Promise<HeldLock[]> {
    if ((await fenceOf(this.database, account)) === 0) return [];
    const all = await this.#list(account);
    const here = all.filter((lock) => holdingAt([lock], names).length > 0 || (deep && isAtOrBelow(lock, names)));
    return this.#alive(account, here);
  }

  /** Throws Locked where another lock is in the way. When it returns, every write that did not see it has ended. */
  async take(account: string, wish: LockWish): Promise<HeldLock> {
    const lock = { ...wish, names: [...wish.names], token: `urn:uuid:${randomUUID()}` };
    await this.ephemeral.put(keyOf(account, lock), true, lock.seconds * 1000);
    await this.#change(account, async (locks) => {
      if ((await this.#alive(account, conflicting(locks, lock))).length > 0) throw new Locked();
      const others = locks.length % TIDY_EVERY === TIDY_EVERY - 1 ? await this.#alive(account, locks) : locks;
      if (others.length >= MOST_LOCKS) throw new TooManyLocks(MOST_LOCKS);
      return [...others, lock];
    });
    try {
      await raiseFence(this.database, account);
    } catch (error) {
      await this.#remove(account, (one) => one.token === lock.token).catch(() => {});
      throw error;
    }
    return lock;
  }

  /** Holds one of the locks at a path for a further time. Throws LockTokenUnfit when none of the tokens is of such a lock. */
  async refresh(account: string, names: Names, tokens: readonly string[], seconds: number): Promise<HeldLock> {
    const held = await this.at(account, names);
    const lock = held.find((one) => tokens.includes(one.token));
    if (!lock) throw new LockTokenUnfit();
    const renewed = { ...lock, seconds };
    await this.ephemeral.put(keyOf(account, lock), true, seconds * 1000);
    await this.#change(account, async (locks) => locks.map((one) => (one.token === lock.token ? renewed : one)));
    return renewed;
  }

  /** Throws LockTokenUnfit when the token is of no lock that holds what lies at the path. */
  async release(account: string, names: Names, token: string): Promise<void> {
    const held = await this.at(account, names);
    if (!held.some((lock) => lock.token === token)) throw new LockTokenUnfit();
    await this.#remove(account, (lock) => lock.token === token);
  }

  /** What lay there is gone, and its locks with it. That is committed by now: a lock that cannot be ended ends with its time. */
  async endBelow(account: string, names: Names): Promise<void> {
    try {
      if ((await fenceOf(this.database, account)) === 0) return;
      await this.#remove(account, (lock) => isAtOrBelow(lock, names));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
  }

  async #remove(account: string, which: (lock: HeldLock) => boolean): Promise<void> {
    const gone = (await this.#list(account)).filter(which);
    if (gone.length === 0) return;
    await this.#change(account, async (locks) => locks.filter((lock) => !which(lock)));
    for (const lock of gone) await this.ephemeral.delete(keyOf(account, lock));
  }

  async #change(account: string, change: (locks: HeldLock[]) => Promise<HeldLock[]>): Promise<void> {
    for (let look = 0; look < MOST_LOOKS; look++) {
      const seen = await this.ephemeral.get<HeldLock[] & never[]>(listOf(account));
      const locks = await change(seen ?? []);
      const value = locks.length === 0 ? null : (locks as (HeldLock & Record<string, never>)[]);
      if (await this.ephemeral.swap(listOf(account), seen, value, LIST_MS)) return;
    }
    throw new TreeBusy();
  }

  async #list(account: string): Promise<HeldLock[]> {
    return (await this.ephemeral.get<HeldLock[] & never[]>(listOf(account))) ?? [];
  }

  async #alive(account: string, locks: readonly HeldLock[]): Promise<HeldLock[]> {
    const alive: HeldLock[] = [];
    for (const lock of locks) if ((await this.ephemeral.get(keyOf(account, lock))) !== null) alive.push(lock);
    return alive;
  }
}

const listOf = (account: string): string => `locks:${account}`;
const keyOf = (account: string, lock: HeldLock): string => `lock:${account}:${lock.token}`;
