import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Connection } from '#contracts';
import { RouteTable } from '../src/access/index.js';
import { allConnections, RevokeConsent, Tokens } from '../src/connections/index.js';
import { Database } from '../src/database/index.js';
import { type GoogleDouble, startGoogle } from './doubles/google/index.js';
import { Client } from './support/client.js';
import { begin, bringBack, connectByConsent, googleSettings, tryToConnect } from './support/consent.js';
import { addConsentingClouds, CLOUD, type ConsentingCloud } from './support/consenting-cloud.js';
import { type Front, type Passing, startFrontOf } from './support/front-of.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, upkeep } from './support/inside.js';
import { call, signIn } from './support/people.js';
import { startRedis, type TestRedis } from './support/redis.js';

/** Everything secret that passes between gateway and vendor, as it was written. */
const secrets = new Set<string>();
/** What only a browser and a vendor may see. */
const bindings = new Set<string>();
/** Where something could have been left, and what stands there. */
const traces: [where: string, text: string][] = [];

let google: GoogleDouble;
let front: Front;
let clouds: ConsentingCloud;
let redis: TestRedis;
let monitor: Redis;
let gateway: TestGateway;
let token: string;
let sql: Database;

const SECRET_FIELDS = ['client_secret', 'code', 'code_verifier', 'refresh_token', 'access_token', 'token'];

function note(fields: Readonly<Record<string, unknown>>): void {
  for (const name of SECRET_FIELDS) {
    const value = fields[name];
    if (typeof value === 'string' && value !== '') secrets.add(value);
  }
}

function readAlong({ sent, answered }: Passing): void {
  note(Object.fromEntries(new URLSearchParams(sent.toString())));
  try {
    note(JSON.parse(answered.toString()) as Record<string, unknown>);
  } catch {
    // A page, or nothing.
  }
}

beforeAll(async () => {
  for (const stream of ['stdout', 'stderr'] as const) {
    const write = process[stream].write.bind(process[stream]);
    vi.spyOn(process[stream], 'write').mockImplementation(((text: string | Uint8Array, ...rest: never[]) => {
      traces.push([`a line on ${stream}`, String(text)]);
      return String(text).includes('[Tessera]') ? true : write(text, ...rest);
    }) as never);
  }
  [google, redis] = await Promise.all([startGoogle({ ways: { rotatesRefreshTokens: true } }), startRedis()]);
  front = await startFrontOf(google.origin, readAlong);
  monitor = await new Redis(redis.url.replace('unix://', '')).monitor();
  monitor.on('monitor', (_time: string, parts: string[]) => traces.push(['a command to Redis', parts.join(' ')]));
  clouds = addConsentingClouds(google, 1000);
  const environment = { ...googleSettings(google), REDIS_URL: redis.url, TESSERA_LOG_LEVEL: 'verbose' };
  gateway = await startGateway({ environment: { ...environment, TESSERA_GOOGLE_ORIGIN: front.origin } });
  sql = inside(gateway, Database);
  token = await signIn(gateway);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await gateway?.stop();
  monitor?.disconnect();
  clouds?.[Symbol.dispose]();
  front?.stop();
  await Promise.all([google?.stop(), redis?.stop()]);
});

const keep = (where: string, value: unknown) =>
  traces.push([
    where,
    typeof value === 'string'
      ? value
      : inspect(value, { depth: 20, showHidden: true, maxArrayLength: null, maxStringLength: null }),
  ]);

/** Every row of every table, byte columns as text and as hex. */
async function lookIntoDatabase(when: string): Promise<void> {
  const tables = await sql.query<{ name: string }>(
    `select quote_ident(relname) as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`,
  );
  for (const { name } of tables) {
    const rows = await sql.query<{ row: string }>(`select t::text as row from ${name} t`);
    keep(`${name} ${when}`, rows.map(({ row }) => row).join('\n'));
  }
}

async function lookIntoRedis(when: string): Promise<void> {
  const client = new Redis(redis.url.replace('unix://', ''));
  for (const key of await client.keys('*')) {
    const kind = await client.type(key);
    const value = kind === 'string' ? await client.get(key) : kind === 'hash' ? await client.hgetall(key) : kind;
    keep(`Redis ${when}`, `${key} ${JSON.stringify(value)}`);
  }
  client.disconnect();
}

async function lookIntoFiles(): Promise<void> {
  const entries = await readdir(gateway.dataFolder, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    keep(path, (await readFile(path)).toString('latin1'));
  }
}

/** Every answer that a GET of somebody signed in gets. */
async function lookIntoAnswers(when: string, connection: string): Promise<void> {
  const routes = gateway.app
    .get(RouteTable)
    .routes.filter(({ method, path }) => method === 'GET' && !path.includes('/oauth/'));
  for (const { path } of routes) {
    const filled = path
      .replace(/[{}]/g, '')
      .replace(':provider', CLOUD)
      .replace(':folderId', 'root')
      .replace(/:\w+/g, connection)
      .replace(/\*\w+/g, 'kept.bin');
    // What lies only there may break off in the middle.
    const answer = await call(gateway, filled, { token }).catch((error: unknown) => void keep(filled, error));
    if (!answer) continue;
    keep(`${filled} ${when}`, `${answer.status} ${[...answer.headers].join()} ${answer.text}`);
  }
}

/** However it may be written. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const shifted = [0, 1, 2].map((by) =>
    bytes.subarray(by, by + 3 * Math.floor((bytes.length - by) / 3)).toString('base64'),
  );
  return [
    secret,
    encodeURIComponent(secret),
    bytes.toString('hex'),
    ...shifted,
    ...shifted.map((text) => text.replace(/\+/g, '-').replace(/\//g, '_')),
  ];
}

function whereIs(values: Iterable<string>): string[] {
  const found = new Set<string>();
  const texts = [...values].flatMap(spellings);
  for (const [where, text] of traces) if (texts.some((spelling) => text.includes(spelling))) found.add(where);
  return [...found];
}

async function fails(work: Promise<unknown>): Promise<void> {
  await work.then(
    () => expect.fail('It did not fail.'),
    (error: unknown) => keep('an error', error),
  );
}

it('is found nowhere in a whole life with a vendor: no token, no code, no verifier, no secret of the operator’s', async () => {
  const tokens = inside(gateway, Tokens);
  const begun = await begin(gateway, token);
  bindings.add(begun.state).add(begun.cookie.split('=')[1]!);
  await lookIntoRedis('while a person looks at the vendor’s page');
  await lookIntoDatabase('while a person looks at the vendor’s page');
  const back = await google.consent(begun.url, { decision: 'allow' });
  const code = back.searchParams.get('code')!;
  secrets.add(code);
  const made = await bringBack(gateway, back, { Cookie: begun.cookie });
  keep('the callback’s answer', `${[...made.headers].join()} ${made.text}`);
  const connection = made.json<Connection>();
  for (const again of [back, new URL(`${back.pathname}?state=x&code=${encodeURIComponent(code)}`, back)]) {
    const answer = await bringBack(gateway, again, { Cookie: begun.cookie, Accept: 'text/html' });
    keep('a refused callback’s answer', `${[...answer.headers].join()} ${answer.text}`);
  }

  // Work, expiry, and a vendor in every kind of trouble, some of it with tokens where they do not belong.
  using client = new Client(gateway, token);
  const body = { data: 1, parity: 0, connections: [connection.id] };
  await call(gateway, '/api/users/me/default-storage', { method: 'PATCH', token, body });
  expect((await client.put('kept.bin', Buffer.alloc(100_000, 1))).status).toBe(201);
  const expire = async () => {
    google.expireAccessTokens();
    await sql.query(`update oauth_grants set access_expires_at = clock_timestamp(), not_before = null`);
    tokens.forget(connection.id);
  };
  await expire();
  expect((await client.get('kept.bin')).status).toBe(200);
  const known = [...secrets].at(-1)!;
  for (const does of [
    { kind: 'answers', status: 401, body: { error: 'invalid_client', error_description: known } },
    { kind: 'answers', status: 400, body: { error: known, error_description: known } },
    { kind: 'answers', status: 200, body: `{"access_token": "${known}` },
    { kind: 'answers', status: 200, body: { access_token: `${known}\r\n`, token_type: 'Bearer' } },
    { kind: 'answers', status: 302, headers: { Location: `https://evil.example/?${known}` } },
    { kind: 'answers', status: 503, body: known },
    { kind: 'resets-after' },
  ] as const) {
    await expire();
    google.follow([{ about: '/token', nth: 1, does }]);
    await fails(tokens.of(connection.id).current());
    keep('a connection in trouble', (await call(gateway, `/api/cloud/connections/${connection.id}`, { token })).text);
    const refused = await tryToConnect(gateway, google, token, { choice: { user: 'brook@example.com' } }).catch(
      () => null,
    );
    if (refused) keep('a consent in trouble', `${[...refused.headers].join()} ${refused.text}`);
    await sql.query(`update connections set removed_at = now() where id <> $1 and provider = $2`, [
      connection.id,
      CLOUD,
    ]);
  }
  google.follow([]);
  // The last trouble cost the refresh token its answer: this vendor takes none twice.
  await expire();
  await fails(tokens.of(connection.id).current());
  await lookIntoAnswers('while the consent has ended', connection.id);
  const restored = await connectByConsent(gateway, google, token, { query: `?reconnect=${connection.id}` });
  expect(restored).toMatchObject({ id: connection.id });
  await tokens.keepAlive();
  await upkeep(gateway);
  await lookIntoAnswers('while all is well', connection.id);
  await lookIntoRedis('at the end');
  await lookIntoDatabase('at the end');
  await lookIntoFiles();
  const row = (await allConnections(sql)).find(({ id }) => id === connection.id)!;
  keep('what withdrawing came to', await inside(gateway, RevokeConsent).run(row));
  for (const { path } of google.heard.filter((each) => !each.path.startsWith('/o/oauth2/')))
    keep('an address at the vendor', path);

  expect(secrets.size).toBeGreaterThan(20);
  expect(traces.filter(([where]) => where === 'a command to Redis').length).toBeGreaterThan(10);
  expect(traces.filter(([where]) => where.startsWith('a line on')).length).toBeGreaterThan(5);
  expect(traces.filter(([where]) => where === 'an error').length).toBe(8);
  expect(whereIs(secrets)).toEqual([]);
  expect(whereIs(bindings)).toEqual([]);
});

it('would be found if it were anywhere', () => {
  const [one] = secrets;
  for (const spelling of spellings(one!)) {
    traces.push(['planted', `before ${spelling} after`]);
    expect(whereIs([one!])).toEqual(['planted']);
    traces.pop();
  }
});
