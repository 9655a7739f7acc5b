import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Connection } from '#contracts';
import type { AccessTokens } from '#storage';
import { Tokens } from '../src/connections/index.js';
import { Database } from '../src/database/index.js';
import { type GoogleDouble, startGoogle } from './doubles/google/index.js';
import { begin, bringBack, connectByConsent, googleSettings } from './support/consent.js';
import { addConsentingClouds, CLOUD, type ConsentingCloud } from './support/consenting-cloud.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside } from './support/inside.js';
import { call, signIn } from './support/people.js';
import { startRedis, type TestRedis } from './support/redis.js';

const GATEWAYS = 8;
/** `npm run search:tokens` goes through them all. */
const [ROUNDS, ENDS] = process.env['TESSERA_SEARCH'] === 'all' ? [200, 40] : [24, 4];

let google: GoogleDouble;
let clouds: ConsentingCloud;
let redis: TestRedis;
let gateways: TestGateway[];
let connection: Connection;
let token: string;
let tokens: AccessTokens[];
let sql: Database;

beforeAll(async () => {
  // The strictest vendor there is: each refresh token is good once.
  [google, redis] = await Promise.all([startGoogle({ ways: { rotatesRefreshTokens: true } }), startRedis()]);
  clouds = addConsentingClouds(google);
  const environment = { ...googleSettings(google), REDIS_URL: redis.url, TESSERA_DATABASE_CONNECTIONS: '3' };
  const first = await startGateway({ environment });
  gateways = [first];
  const shared = { DATABASE_URL: first.databaseUrl, TESSERA_ROOT_KEY_FILE: `${first.dataFolder}/root.key` };
  const more = Array.from({ length: GATEWAYS - 1 }, () => startGateway({ environment: { ...environment, ...shared } }));
  gateways.push(...(await Promise.all(more)));
  token = await signIn(first);
  connection = await connectByConsent(first, google, token, { query: '?house=true' });
  tokens = gateways.map((gateway) => inside(gateway, Tokens).of(connection.id));
  sql = inside(first, Database);
}, 120_000);
afterAll(async () => {
  await Promise.all(gateways?.slice(1).map((gateway) => gateway.stop()) ?? []);
  await gateways?.[0]?.stop();
  clouds?.[Symbol.dispose]();
  await Promise.all([google?.stop(), redis?.stop()]);
});

const outcomeOf = (work: Promise<string>): Promise<string> =>
  work.then(
    () => 'a token',
    (error: Error) => error.constructor.name,
  );
const refreshes = () => google.heard.filter(({ path }) => path === '/token').length;
const expireInDatabase = () =>
  sql.query(`update oauth_grants set access_expires_at = clock_timestamp() where connection = $1`, [connection.id]);
const saidToHaveEnded = () =>
  sql.query(
    `select 1 from audit_chain where subject = $1 and action = 'connection.needs-reconnect'
     union all select 1 from audit_inbox where subject = $1 and action = 'connection.needs-reconnect'`,
    [connection.id],
  );
const forgetEverywhere = () => gateways.forEach((gateway) => inside(gateway, Tokens).forget(connection.id));

/** What upkeep fetches by itself would be counted as well. */
const letUpkeepUseIt = (enabled: boolean) =>
  call(gateways[0]!, `/api/cloud/connections/${connection.id}`, { method: 'PATCH', token, body: { enabled } });

/** What may happen to the short-lived state while tokens are fetched: it has no say in who fetches them. */
const mishaps: readonly (() => Promise<unknown>)[] = [
  async () => {},
  async () => {
    const client = new Redis(redis.url.replace('unix://', ''));
    await client.flushall();
    client.disconnect();
  },
  async () => {
    await redis.kill();
    await redis.startAgain();
  },
];

it(`is asked once by ${GATEWAYS} gateways, in each of ${ROUNDS} rounds, and no consent is ever thought to have ended`, async () => {
  const wrong: string[] = [];
  await letUpkeepUseIt(false);
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = refreshes();
    const [old] = await Promise.all(tokens.map((each) => each.current()));
    google.expireAccessTokens();
    const byExpiry = round % 2 === 0;
    if (byExpiry) {
      await expireInDatabase();
      forgetEverywhere();
    }
    const asking = gateways.flatMap((_, nth) =>
      [1, 2, 3].map(() => (byExpiry ? tokens[nth]!.current() : tokens[nth]!.renew(old!))),
    );
    const [given] = await Promise.all([
      Promise.all(asking),
      mishaps[round % 12 === 5 ? 2 : round % 4 === 1 ? 1 : 0]!(),
    ]);
    const asked = refreshes() - before;
    if (new Set(given).size !== 1 || given[0] === old || asked !== 1) {
      wrong.push(`round ${round}: ${asked} refreshes, ${new Set(given).size} tokens`);
    }
  }
  expect(wrong).toEqual([]);
  await letUpkeepUseIt(true);
  expect(await sql.query(`select needs_reconnect_at from connections where id = $1`, [connection.id])).toEqual([
    { needs_reconnect_at: null },
  ]);
  expect(await saidToHaveEnded()).toEqual([]);
  const shown = async () => (await call(gateways[3]!, `/api/cloud/connections/${connection.id}`, { token })).json();
  // While Redis was away the odd look of upkeep failed; the next one does not.
  await expect.poll(shown, { timeout: 60_000, interval: 200 }).toMatchObject({ provider: CLOUD, status: 'healthy' });
}, 300_000);

it(`that has ended is noticed once, by all of them, and nobody goes on asking, ${ENDS} times`, async () => {
  await letUpkeepUseIt(false);
  const wrong: string[] = [];
  for (let round = 1; round <= ENDS; round += 1) {
    google.withdraw();
    await expireInDatabase();
    forgetEverywhere();
    const before = refreshes();
    const asking = gateways.flatMap((_, nth) => [1, 2, 3].map(() => outcomeOf(tokens[nth]!.current())));
    const outcomes = new Set(await Promise.all(asking));
    for (let more = 0; more < 3; more += 1) {
      await Promise.all(tokens.flatMap((each) => [outcomeOf(each.current()), outcomeOf(each.renew('whatever'))]));
    }
    const [asked, told] = [refreshes() - before, await saidToHaveEnded()];
    if (asked !== 1 || told.length !== round || [...outcomes].join() !== 'ConsentWithdrawn') {
      wrong.push(`round ${round}: ${asked} refreshes, told ${told.length} times, ${[...outcomes].join(' and ')}`);
    }
    await connectByConsent(gateways[round % GATEWAYS]!, google, token, { query: `?reconnect=${connection.id}` });
  }
  expect(wrong).toEqual([]);
  google.withdraw();
  await expireInDatabase();
  forgetEverywhere();
  expect(await outcomeOf(tokens[2]!.current())).toBe('ConsentWithdrawn');
  await letUpkeepUseIt(true);
  const shown = await call(gateways[5]!, `/api/cloud/connections/${connection.id}`, { token });
  expect(shown.json()).toMatchObject({ status: 'needs-reconnect' });
}, 300_000);

it('is not given for an answer whose question Redis has forgotten, or cannot look up', async () => {
  const rows = () => sql.query(`select id from connections where removed_at is null order by id`);
  const before = [await rows(), refreshes()];
  const begun = await begin(gateways[1]!, token);
  const back = await google.consent(begun.url, { decision: 'allow', user: 'brook@example.com' });
  await mishaps[1]!();
  const forgotten = await bringBack(gateways[2]!, back, { Cookie: begun.cookie });
  expect([forgotten.status, forgotten.json()['type']]).toEqual([400, 'oauth-state']);
  const other = await begin(gateways[1]!, token);
  await redis.kill();
  const away = await bringBack(gateways[2]!, new URL(back.href.replace(begun.state, other.state)), {
    Cookie: other.cookie,
  });
  const start = await call(gateways[3]!, `/api/cloud/oauth/initiate/${CLOUD}`, { token });
  expect([away.status, start.status]).toEqual([503, 503]);
  await redis.startAgain();
  expect([await rows(), refreshes()]).toEqual(before);
  // Begun at one gateway and ended at another.
  await expect
    .poll(async () => (await call(gateways[4]!, `/api/cloud/oauth/initiate/${CLOUD}`, { token })).status, {
      timeout: 10_000,
    })
    .toBe(200);
  await expect
    .poll(
      async () => {
        const again = await begin(gateways[4]!, token).catch(() => null);
        if (!again) return null;
        const answer = await google.consent(again.url, { decision: 'allow', user: 'brook@example.com' });
        return (await bringBack(gateways[6]!, answer, { Cookie: again.cookie })).status;
      },
      { timeout: 10_000 },
    )
    .toBe(201);
});
