import { beforeEach, describe, expect, it } from 'vitest';
import { type Count, Ephemeral, type Json, type Lock } from '../ephemeral/index.js';
import { TooManyAttempts } from './faults.js';
import { SignInLimiter } from './sign-in-limiter.js';

/** The short-lived state with a clock that the test moves. */
class ClockedEphemeral extends Ephemeral {
  now = 0;
  readonly #values = new Map<string, { value: Json; until: number }>();
  readonly #counters = new Map<string, { count: number; until: number }>();

  async put(key: string, value: Json, ttlMs: number): Promise<void> {
    this.#values.set(key, { value, until: this.now + ttlMs });
  }
  async get<T extends Json>(key: string): Promise<T | null> {
    const entry = this.#values.get(key);
    return entry !== undefined && entry.until > this.now ? (entry.value as T) : null;
  }
  async take<T extends Json>(key: string): Promise<T | null> {
    const value = await this.get<T>(key);
    this.#values.delete(key);
    return value;
  }
  swap(): Promise<never> {
    throw new Error('not for swaps');
  }
  turn(): Promise<never> {
    throw new Error('not for turns');
  }
  async delete(key: string): Promise<void> {
    this.#values.delete(key);
  }
  async increment(key: string, ttlMs: number): Promise<Count> {
    const known = this.#counters.get(key);
    const entry = known !== undefined && known.until > this.now ? known : { count: 0, until: this.now + ttlMs };
    entry.count += 1;
    this.#counters.set(key, entry);
    return { count: entry.count, remainingMs: entry.until - this.now };
  }
  async reset(key: string): Promise<void> {
    this.#counters.delete(key);
  }
  async lock(): Promise<Lock | null> {
    return null;
  }
}

let ephemeral: ClockedEphemeral;
let limiter: SignInLimiter;
let checks: number;
beforeEach(() => {
  ephemeral = new ClockedEphemeral();
  limiter = new SignInLimiter(ephemeral);
  checks = 0;
});

type Outcome = 'in' | 'refused' | number;

/** `in`, `refused` by the password, or for how many seconds the limiter asks to wait. */
async function attempt(email: string, address: string, right = false): Promise<Outcome> {
  try {
    const result = await limiter.guard({ email, address }, async () => {
      checks += 1;
      return right ? 'account' : null;
    });
    return result === null ? 'refused' : 'in';
  } catch (error) {
    if (!(error instanceof TooManyAttempts)) throw error;
    return error.retryAfterSeconds;
  }
}

async function attempts(
  count: number,
  email: string,
  address: string | ((index: number) => string),
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let index = 0; index < count; index += 1) {
    outcomes.push(await attempt(email, typeof address === 'string' ? address : address(index)));
  }
  return outcomes;
}

const hours = (count: number) => count * 3_600_000;

describe('one account, one address', () => {
  it('has five attempts, then waits that double', async () => {
    expect(await attempts(7, 'ann', '192.0.2.1')).toEqual([...Array<Outcome>(6).fill('refused'), 1]);
    const waits: Outcome[] = [];
    for (let wait = 1; waits.length < 10;) {
      ephemeral.now += wait * 1000;
      await attempt('ann', '192.0.2.1');
      wait = (await attempt('ann', '192.0.2.1')) as number;
      waits.push(wait);
    }
    expect(waits).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  });

  it('is not made to wait longer by attempts that come too early', async () => {
    await attempts(6, 'ann', '192.0.2.1');
    expect(new Set(await attempts(500, 'ann', '192.0.2.1'))).toEqual(new Set([1]));
    ephemeral.now += 1000;
    expect(await attempt('ann', '192.0.2.1', true)).toBe('in');
  });

  it('starts anew after a success', async () => {
    await attempts(5, 'ann', '192.0.2.1');
    expect(await attempt('ann', '192.0.2.1', true)).toBe('in');
    expect(await attempts(6, 'ann', '192.0.2.1')).toEqual(Array<Outcome>(6).fill('refused'));
  });

  it('counts guesses in parallel like guesses in a row', async () => {
    const outcomes = await Promise.all(Array.from({ length: 60 }, () => attempt('ann', '192.0.2.1')));
    expect([checks, outcomes.filter((outcome) => outcome === 'refused').length]).toEqual([6, 6]);
  });

  it('lets a program in that signs in many times at once with the right password', async () => {
    const outcomes = await Promise.all(Array.from({ length: 60 }, () => attempt('ann', '192.0.2.1', true)));
    expect(new Set(outcomes)).toEqual(new Set(['in']));
  });

  it.each([
    [' ANN@example.org ', 'ann@example.org'],
    ['rene\u0301@example.org', 'REN\u00c9@example.org'],
  ])('is the same one, spelt «%s» or «%s»', async (one, other) => {
    await attempts(6, one, '192.0.2.1');
    expect(await attempt(other, '192.0.2.1')).toBe(1);
  });

  it('is the same one from anywhere in one IPv6 network', async () => {
    await attempts(6, 'ann', (index) => `2001:db8:1:2::${index}`);
    expect(await attempt('ann', '2001:db8:1:2:ffff::1')).toBe(1);
  });
});

describe('one account, many addresses', () => {
  const elsewhere = (index: number) => `198.51.100.${index}`;

  it('is slowed down for all strangers together, and never for longer than a minute', async () => {
    const outcomes = await attempts(200, 'ann', elsewhere);
    expect(outcomes.slice(0, 21)).toEqual(Array<Outcome>(21).fill('refused'));
    expect(outcomes.slice(21).every((outcome) => typeof outcome === 'number' && outcome <= 60)).toBe(true);
    ephemeral.now += 60_000;
    expect(await attempt('ann', '203.0.113.9', true)).toBe('in');
  });

  it('counts strangers in parallel like strangers in a row', async () => {
    await Promise.all(Array.from({ length: 200 }, (_, index) => attempt('ann', elsewhere(index))));
    expect(checks).toBe(21);
  });

  it('stays open for its owner where the owner signed in before', async () => {
    expect(await attempt('ann', '192.0.2.1', true)).toBe('in');
    for (let round = 0; round < 50; round += 1) {
      await attempts(40, 'ann', elsewhere);
      expect(await attempt('ann', '192.0.2.1', true)).toBe('in');
      ephemeral.now += 30_000;
    }
  });
});

describe('one address, many accounts', () => {
  it('is slowed down after a hundred failures, for a minute at most', async () => {
    const outcomes: Outcome[] = [];
    for (let index = 0; index < 300; index += 1) outcomes.push(await attempt(`account ${index}`, '192.0.2.1'));
    expect(outcomes.filter((outcome) => outcome === 'refused')).toHaveLength(101);
    ephemeral.now += 60_000;
    expect(await attempt('ann', '192.0.2.1', true)).toBe('in');
  });

  it('does not count successes', async () => {
    for (let index = 0; index < 300; index += 1)
      expect(await attempt(`account ${index}`, '192.0.2.1', true)).toBe('in');
  });
});

it('never shuts an account for good: after ten thousand guesses, whoever waits as told gets in', async () => {
  for (let index = 0; index < 10_000; index += 1) {
    await attempt('ann', `198.51.${index % 200}.${index % 7}`);
    if (index % 100 === 0) ephemeral.now += 5000;
  }
  const wait = await attempt('ann', '198.51.3.3');
  ephemeral.now += (typeof wait === 'number' ? wait : 0) * 1000;
  expect(await attempt('ann', '198.51.3.3', true)).toBe('in');
});

it('begins anew when its windows are over', async () => {
  await attempts(50, 'ann', '192.0.2.1');
  ephemeral.now += hours(1);
  expect(await attempts(6, 'ann', '192.0.2.1')).toEqual(Array<Outcome>(6).fill('refused'));
});
