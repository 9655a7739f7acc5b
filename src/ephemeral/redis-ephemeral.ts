import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { TurnAnswer, TurnAsk } from '#storage';
import { type Count, Ephemeral, EphemeralAway, type Json, type Lock, TURNSTILE_TTL_MS } from './ephemeral.js';
import { TURN } from './turn-script.js';

const PREFIX = 'tessera:';

const INCREMENT = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return { count, redis.call('PTTL', KEYS[1]) }`;

const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

/** Nothing is said as the empty text, which is no JSON. */
const SWAP = `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1`;

/** The short-lived state in Redis. Fencing tokens come from elsewhere: Redis may forget, and must not count anew. */
export class RedisEphemeral extends Ephemeral {
  constructor(
    private readonly redis: Redis,
    private readonly nextToken: () => Promise<bigint>,
  ) {
    super();
  }

  async put(key: string, value: Json, ttlMs: number): Promise<void> {
    await ask(() => this.redis.set(valueAt(key), JSON.stringify(value), 'PX', ttlMs));
  }

  async get<T extends Json>(key: string): Promise<T | null> {
    return read<T>(await ask(() => this.redis.get(valueAt(key))));
  }

  async take<T extends Json>(key: string): Promise<T | null> {
    return read<T>(await ask(() => this.redis.getdel(valueAt(key))));
  }

  async delete(key: string): Promise<void> {
    await ask(() => this.redis.del(valueAt(key)));
  }

  async swap(key: string, seen: Json | null, value: Json | null, ttlMs: number): Promise<boolean> {
    const [was, is] = [seen, value].map((json) => (json === null ? '' : JSON.stringify(json)));
    return (await ask(() => this.redis.eval(SWAP, 1, valueAt(key), was!, is!, ttlMs))) === 1;
  }

  async increment(key: string, ttlMs: number): Promise<Count> {
    const [count, remainingMs] = (await ask(() => this.redis.eval(INCREMENT, 1, counterAt(key), ttlMs))) as [
      number,
      number,
    ];
    return { count, remainingMs: Math.max(0, remainingMs) };
  }

  async reset(key: string): Promise<void> {
    await ask(() => this.redis.del(counterAt(key)));
  }

  async lock(name: string, ttlMs: number): Promise<Lock | null> {
    const key = `${PREFIX}lock:${name}`;
    const holder = randomBytes(16).toString('hex');
    if ((await ask(() => this.redis.set(key, holder, 'PX', ttlMs, 'NX'))) === null) return null;
    const renew = async () => (await ask(() => this.redis.eval(RENEW, 1, key, holder, ttlMs))) === 1;
    const release = async () => void (await ask(() => this.redis.eval(RELEASE, 1, key, holder)));
    // Drawn while the lock is held, and looked at again afterwards: so tokens rise in the order of the holders.
    const token = await this.nextToken().catch(async (error: unknown) => {
      await release().catch(() => {});
      throw error;
    });
    return (await renew()) ? { token, renew, release } : null;
  }

  async turn(name: string, question: TurnAsk): Promise<TurnAnswer> {
    const key = `${PREFIX}turnstile:${name}`;
    const answer = await ask(() => this.redis.eval(TURN, 1, key, JSON.stringify(question), TURNSTILE_TTL_MS));
    return JSON.parse(answer as string) as TurnAnswer;
  }
}

const valueAt = (key: string) => `${PREFIX}value:${key}`;
const counterAt = (key: string) => `${PREFIX}counter:${key}`;

function read<T extends Json>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}

async function ask<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    throw new EphemeralAway({ cause: error });
  }
}
