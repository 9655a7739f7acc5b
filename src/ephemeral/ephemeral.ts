import { Fault } from '#contracts';
import type { TurnAnswer, TurnAsk } from '#storage';

/** What JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export interface Count {
  /** This call included. */
  readonly count: number;
  /** Until the window ends and counting begins anew. */
  readonly remainingMs: number;
}

export interface Lock {
  /** Greater than that of every earlier holder of any lock. Compared in the transaction that the lock guards. */
  readonly token: bigint;
  /** Holds it for the same time again, from now. False when it was lost: stop. */
  renew(): Promise<boolean>;
  /** Lets go, if it is still held. */
  release(): Promise<void>;
}

/**
 * State that several gateways share for minutes and can bear to lose: one-time values, windows of counts, locks, turns. It may
 * vanish at any moment (a crash, an eviction), so whoever asks must be safe with «nothing there». Times run by the clock
 * of the server that keeps it, never by a gateway's. Keys have at most 512 bytes. Every method may throw EphemeralAway.
 */
export abstract class Ephemeral {
  /** Replaces what lay there. */
  abstract put(key: string, value: Json, ttlMs: number): Promise<void>;
  abstract get<T extends Json>(key: string): Promise<T | null>;
  /** Gets and removes: of all who ask at once, one is given the value. */
  abstract take<T extends Json>(key: string): Promise<T | null>;
  abstract delete(key: string): Promise<void>;
  /**
   * Puts the value (null: nothing) only where what was seen (null: nothing) still lies: of all who swap for the same that
   * they saw, one succeeds. False is for the others, who look again.
   */
  abstract swap(key: string, seen: Json | null, value: Json | null, ttlMs: number): Promise<boolean>;
  /** Counts one more in the window, which the first count opened for `ttlMs`. Counters and values are strangers. */
  abstract increment(key: string, ttlMs: number): Promise<Count>;
  /** Ends the window. */
  abstract reset(key: string): Promise<void>;
  /** Null when somebody else holds it. It falls to others when its time is over, without a word to its holder. */
  abstract lock(name: string, ttlMs: number): Promise<Lock | null>;
  /** One question to the turnstile of this name, which is forgotten when nobody asks for an hour. */
  abstract turn(name: string, ask: TurnAsk): Promise<TurnAnswer>;
}

/** What was learned at a turnstile is worth keeping for the next hour, not longer. */
export const TURNSTILE_TTL_MS = 3_600_000;

/** The short-lived state cannot be reached. Whoever guards a door with it keeps the door shut. */
export class EphemeralAway extends Fault {
  override readonly retriable = true;

  constructor(options?: ErrorOptions) {
    super('The gateway’s short-lived state is away for the moment.', options);
  }
}
