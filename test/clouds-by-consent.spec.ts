import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '#contracts';
import { Tokens } from '../src/connections/index.js';
import { Database } from '../src/database/index.js';
import { type GoogleDouble, startGoogle } from './doubles/google/index.js';
import { type MicrosoftDouble, startMicrosoftDouble } from './doubles/microsoft/index.js';
import { Client } from './support/client.js';
import { begin, bringBack, googleSettings } from './support/consent.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside } from './support/inside.js';
import { type Answer, call, signIn } from './support/people.js';

let google: GoogleDouble;
let microsoft: MicrosoftDouble;
let gateway: TestGateway;
let token: string;

beforeAll(async () => {
  [google, microsoft] = await Promise.all([startGoogle(), startMicrosoftDouble()]);
  gateway = await startGateway({
    environment: {
      ...googleSettings(google),
      MICROSOFT_CLIENT_ID: microsoft.clientId,
      MICROSOFT_CLIENT_SECRET: microsoft.clientSecret,
      TESSERA_MICROSOFT_ORIGIN: microsoft.origin,
    },
  });
  token = await signIn(gateway);
});
afterAll(async () => {
  await gateway?.stop();
  await Promise.all([google?.stop(), microsoft?.stop()]);
});

interface Vendor {
  readonly provider: string;
  readonly people: readonly [string, string];
  /** What a person does in the browser; where it is sent then. */
  consent(url: string, user: string): Promise<URL>;
  expire(): void;
  withdraw(user: string): void;
  /** How often tokens were fetched. */
  fetches(): number;
}

const vendors: Vendor[] = [
  {
    provider: 'google-drive',
    people: ['ada@example.com', 'brook@example.com'],
    consent: (url, user) => google.consent(url, { decision: 'allow', user }),
    expire: () => google.expireAccessTokens(),
    withdraw: (user) => google.withdraw(user),
    fetches: () => google.heard.filter(({ path }) => path === '/token').length,
  },
  {
    provider: 'onedrive',
    people: ['ada@example.com', 'grace@firm.example'],
    consent: async (url, user) => new URL(await microsoft.consent(url, { user })),
    expire: () => microsoft.accounts.expireAccessTokens(),
    withdraw(user) {
      microsoft.accounts.withdrawConsent(user);
      microsoft.accounts.expireAccessTokens();
    },
    fetches: () => microsoft.requests.filter((line) => line.includes('/oauth2/v2.0/token')).length,
  },
];

async function connect({ provider, consent }: Vendor, user: string, query = ''): Promise<Answer> {
  const begun = await begin(gateway, token, query, provider);
  return bringBack(gateway, await consent(begun.url, user), { Cookie: begun.cookie });
}

describe.each(vendors.map((vendor) => [vendor.provider, vendor] as const))('%s', (_, vendor) => {
  const content = randomBytes(3_000_000);
  let connection: Connection;
  const shown = async () =>
    (await call(gateway, `/api/cloud/connections/${connection.id}`, { token })).json<Connection>();

  it('is connected by consent, and keeps files', async () => {
    const answer = await connect(vendor, vendor.people[0], '?label=Ada');
    expect([answer.status, answer.json()]).toMatchObject([201, { label: 'Ada', status: 'healthy' }]);
    connection = answer.json<Connection>();
    const body = { data: 1, parity: 0, connections: [connection.id] };
    const spread = await call(gateway, '/api/users/me/default-storage', { method: 'PATCH', token, body });
    expect(spread.status).toBe(200);
    using client = new Client(gateway, token);
    expect((await client.put(`${vendor.provider}.bin`, content)).status).toBe(201);
    // Not read before the consent is gone: a download address from before would still do.
    expect((await client.put(`${vendor.provider}-unread.bin`, content)).status).toBe(201);
    expect((await client.get(`${vendor.provider}.bin`)).body).toEqual(content);
  });

  it('goes on when its access token is over, and fetches one', async () => {
    const before = vendor.fetches();
    vendor.expire();
    using client = new Client(gateway, token);
    // Writing, because a download address from before would still do for reading.
    const puts = Array.from({ length: 6 }, (_, nth) => client.put(`${vendor.provider}-${nth}.bin`, 'short'));
    expect((await Promise.all(puts)).map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 201]);
    expect(vendor.fetches() - before).toBe(1);
    expect((await shown()).status).toBe('healthy');
  });

  it('is not connected twice', async () => {
    expect((await connect(vendor, vendor.people[0])).status).toBe(409);
  });

  it('says when its consent was withdrawn, and is restored by the same account only', async () => {
    vendor.withdraw(vendor.people[0]);
    await inside(gateway, Database).query('update oauth_grants set access_expires_at = clock_timestamp()');
    inside(gateway, Tokens).forget(connection.id);
    using client = new Client(gateway, token);
    expect((await client.get(`${vendor.provider}-unread.bin`)).status).toBe(503);
    expect((await shown()).status).toBe('needs-reconnect');
    expect((await connect(vendor, vendor.people[1], `?reconnect=${connection.id}`)).status).toBe(409);
    const restored = await connect(vendor, vendor.people[0], `?reconnect=${connection.id}`);
    expect([restored.status, restored.json()]).toMatchObject([201, { id: connection.id, status: 'healthy' }]);
    expect((await client.get(`${vendor.provider}-unread.bin`)).body).toEqual(content);
  });
});

it('asks anew for the consent that a connection had', async () => {
  const vendor = vendors[1]!;
  const made = await connect(vendor, vendor.people[1], '?consent=all-files');
  expect(made.status).toBe(201);
  const { url } = await begin(gateway, token, `?reconnect=${made.json<Connection>().id}`, vendor.provider);
  expect(new URL(url).searchParams.get('scope')).toBe('Files.ReadWrite offline_access');
});
