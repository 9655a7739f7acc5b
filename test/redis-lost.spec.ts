import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from './support/client.js';
import { FIRST_ACCOUNT, startGateway, type TestGateway } from './support/gateway.js';
import { call, signIn } from './support/people.js';
import { startRedis, type TestRedis } from './support/redis.js';

let redis: TestRedis;
let gateway: TestGateway;
let client: Client;
const kept = new Map<string, Buffer>();

beforeAll(async () => {
  redis = await startRedis();
  gateway = await startGateway({ environment: { REDIS_URL: redis.url } });
  client = new Client(gateway, await signIn(gateway));
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
  await redis?.stop();
});

const guess = (password: string) =>
  call(gateway, '/api/auth/login', { body: { email: FIRST_ACCOUNT.email, password } });

async function told(...command: [string, ...string[]]): Promise<void> {
  const talk = new Redis(redis.url.replace('unix://', ''));
  await talk.call(...command);
  talk.disconnect();
}

/** Whatever was answered with a success is there, then and later. */
async function store(name: string): Promise<number> {
  const bytes = randomBytes(50_000);
  const { status } = await client.put(name, bytes);
  if (status < 300) kept.set(name, bytes);
  return status;
}

const troubles: readonly { what: string; begin(): Promise<void>; end(): Promise<void>; away: boolean }[] = [
  { what: 'emptied', begin: () => told('FLUSHALL'), end: async () => {}, away: false },
  {
    what: 'full',
    begin: () => told('CONFIG', 'SET', 'maxmemory', '1'),
    end: () => told('CONFIG', 'SET', 'maxmemory', '0'),
    away: true,
  },
  { what: 'killed', begin: () => redis.kill(), end: () => redis.startAgain(), away: true },
];

describe.each(troubles)('A Redis that is $what', ({ what, begin, end, away }) => {
  it('costs no byte that was acknowledged, opens no door, and is missed no longer than it is away', async () => {
    expect(await store(`before ${what}`.replaceAll(' ', '-'))).toBe(201);
    await begin();
    const during = await store(`during-${what}`);
    // Refused for now, or stored: never half of either.
    expect([201, 503]).toContain(during);
    for (const [name, bytes] of kept) expect((await client.get(name)).body.equals(bytes), name).toBe(true);
    // Who cannot count guesses lets nobody guess, the right password among them.
    expect((await guess('wrong')).status).toBe(away ? 503 : 401);
    expect((await guess(FIRST_ACCOUNT.password)).status).toBe(away ? 503 : 200);
    await end();
    await expect.poll(async () => (await guess(FIRST_ACCOUNT.password)).status, { timeout: 15_000 }).toBe(200);
    await expect.poll(() => store(`after-${what}`), { timeout: 15_000 }).toBeOneOf([200, 201]);
    for (const [name, bytes] of kept) expect((await client.get(name)).body.equals(bytes), name).toBe(true);
    if (during !== 201) expect((await client.get(`during-${what}`)).status).toBe(404);
  });
});
