import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import { Injectable } from '@nestjs/common';
import { HashUnacceptable } from './faults.js';
import { HashingQueue } from './hashing-queue.js';

interface Cost {
  readonly memory: number;
  readonly time: number;
  readonly lanes: number;
}

/** RFC 9106's second choice in one lane: about 45 ms on one core. */
const NOW: Cost = { memory: 65_536, time: 3, lanes: 1 };
/** OWASP's minimum: a row that claims less was tampered with. */
const FLOOR: Cost = { memory: 19_456, time: 2, lanes: 1 };
/** Four times today's memory: a row that claims more would stall the gateway. */
const CEILING: Cost = { memory: 262_144, time: 10, lanes: 4 };

const ARGON2ID = 2;
const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$[A-Za-z0-9+/]{22,86}\$[A-Za-z0-9+/]{43,86}$/;
/** Two of libuv's threads, of which uploads need the others, and 128 MiB; beyond 64 waiting, the last would wait longer than a second and a half. */
const AT_ONCE = 2;
const MOST_WAITING = 64;

/** Argon2id, its parameters held between a compiled floor and ceiling, in a bounded queue. */
@Injectable()
export class Passwords {
  readonly #queue = new HashingQueue(AT_ONCE, MOST_WAITING);
  #dummy: Promise<string> | undefined;

  hash(password: string): Promise<string> {
    return this.#queue.run(() =>
      hash(password, {
        algorithm: ARGON2ID,
        memoryCost: NOW.memory,
        timeCost: NOW.time,
        parallelism: NOW.lanes,
        outputLen: 32,
      }),
    );
  }

  /** Throws HashUnacceptable before any work when the stored parameters are out of bounds; HashingBusy when too many wait. */
  async matches(stored: string, password: string): Promise<boolean> {
    const cost = costOf(stored);
    if (cost === null || !within(cost)) throw new HashUnacceptable();
    return this.#queue.run(() => verify(stored, password));
  }

  /** The same work as for an account that exists, and always no. */
  async matchesNobody(password: string): Promise<false> {
    this.#dummy ??= this.hash(randomBytes(32).toString('base64'));
    await this.matches(await this.#dummy, password);
    return false;
  }

  /** Made before the first stranger knocks, so that the first one does not wait twice as long. */
  async prepare(): Promise<void> {
    this.#dummy ??= this.hash(randomBytes(32).toString('base64'));
    await this.#dummy;
  }

  isOutdated(stored: string): boolean {
    const cost = costOf(stored);
    return cost === null || cost.memory !== NOW.memory || cost.time !== NOW.time || cost.lanes !== NOW.lanes;
  }
}

function costOf(stored: string): Cost | null {
  const match = PHC.exec(stored);
  return match && { memory: Number(match[1]), time: Number(match[2]), lanes: Number(match[3]) };
}

function within(cost: Cost): boolean {
  return (['memory', 'time', 'lanes'] as const).every(
    (part) => cost[part] >= FLOOR[part] && cost[part] <= CEILING[part],
  );
}
