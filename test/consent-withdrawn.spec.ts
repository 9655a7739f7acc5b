import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Connection } from '#contracts';
import { ConnectionAway, ConsentWithdrawn } from '#storage';
import { allConnections, RevokeConsent, Tokens } from '../src/connections/index.js';
import { Database } from '../src/database/index.js';
import { type GoogleDouble, startGoogle } from './doubles/google/index.js';
import { Client } from './support/client.js';
import { connectByConsent, googleSettings, tryToConnect } from './support/consent.js';
import { type Front, startFrontOf } from './support/front-of.js';
import { addConsentingClouds, CLOUD, type ConsentingCloud, OTHER_CLOUD } from './support/consenting-cloud.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside } from './support/inside.js';
import { call, signIn } from './support/people.js';
import { type PostgresProxy, startPostgresProxy } from './support/postgres-proxy.js';
import { createDatabase } from './support/database.js';

const MONTHS_3 = 90 * 24 * 3_600_000;

let google: GoogleDouble;
let clouds: ConsentingCloud;
let front: Front;
let proxy: PostgresProxy;
let dropDatabase: () => Promise<void>;
let gateway: TestGateway;
let token: string;
let sql: Database;
let tokens: Tokens;
let connection: Connection;

beforeAll(async () => {
  google = await startGoogle();
  clouds = addConsentingClouds(google, MONTHS_3);
  front = await startFrontOf(google.origin);
  const { url, drop } = await createDatabase();
  proxy = await startPostgresProxy(url);
  dropDatabase = drop;
  gateway = await startGateway({
    environment: { ...googleSettings(google), TESSERA_GOOGLE_ORIGIN: front.origin, DATABASE_URL: proxy.url },
  });
  [sql, tokens] = [inside(gateway, Database), inside(gateway, Tokens)];
  token = await signIn(gateway);
});
beforeEach(async () => {
  connection = await connectByConsent(gateway, google, token, { query: '?label=Mine' });
});
afterEach(async () => {
  google.follow([]);
  google.ways.rotatesRefreshTokens = false;
  google.ways.refreshTokenSeconds = null;
  await call(gateway, '/api/users/me/default-storage', { method: 'PATCH', token, body: { data: 1, parity: 0 } });
  await sql.query(`update connections set removed_at = now() where provider like '%consenting-cloud'`);
  await sql.query(`delete from ephemeral_counters where key like 'consent-%'`);
});
afterAll(async () => {
  await gateway?.stop();
  await proxy?.stop();
  await dropDatabase?.();
  clouds?.[Symbol.dispose]();
  front?.stop();
  await google?.stop();
});

const shown = async (id = connection.id) =>
  (await call(gateway, `/api/cloud/connections/${id}`, { token })).json<Connection>();
const asked = () => google.heard.filter(({ path }) => path === '/token').length;
const current = () => tokens.of(connection.id).current();

/** The access token is over, by everybody's clock. */
async function expire(): Promise<void> {
  google.expireAccessTokens();
  await sql.query(`update oauth_grants set access_expires_at = clock_timestamp(), not_before = null`);
  tokens.forget(connection.id);
}

/** What the record tells of the connection, in order. */
async function told(): Promise<string[]> {
  const rows = await sql.query<{ action: string }>(
    `select action from (select 0 as late, seq as nth, action from audit_chain where subject = $1
       union all select 1, id, action from audit_inbox where subject = $1) told order by late, nth`,
    [connection.id],
  );
  return rows.map(({ action }) => action);
}

async function storeThere(client: Client, name: string): Promise<void> {
  const body = { data: 1, parity: 0, connections: [connection.id] };
  expect((await call(gateway, '/api/users/me/default-storage', { method: 'PATCH', token, body })).status).toBe(200);
  expect((await client.put(name, Buffer.alloc(300_000, 7))).status).toBe(201);
}

describe('a consent that was withdrawn', () => {
  it('is shown, told to the record once, and asked for no more', async () => {
    google.withdraw();
    await expire();
    await expect(current()).rejects.toBeInstanceOf(ConsentWithdrawn);
    const before = google.heard.length;
    for (let again = 0; again < 20; again += 1) await expect(current()).rejects.toBeInstanceOf(ConsentWithdrawn);
    expect(google.heard.length).toBe(before);
    expect(await shown()).toMatchObject({
      status: 'needs-reconnect',
      lastError: 'The consent to use this account was withdrawn or has lapsed. Please connect it again.',
    });
    expect(await told()).toEqual(['connection.made', 'connection.needs-reconnect']);
  });

  it('is noticed in the middle of work, and new files go elsewhere', async () => {
    using client = new Client(gateway, token);
    await storeThere(client, 'before.bin');
    google.withdraw();
    google.expireAccessTokens();
    expect((await client.get('before.bin')).status).toBe(503);
    expect(await shown()).toMatchObject({ status: 'needs-reconnect' });
    await call(gateway, '/api/users/me/default-storage', { method: 'PATCH', token, body: { data: 1, parity: 0 } });
    expect((await client.put('after.bin', Buffer.alloc(1000))).status).toBe(201);
  });

  it('is given again: the connection is restored, and what lies there can be read', async () => {
    using client = new Client(gateway, token);
    await storeThere(client, 'kept.bin');
    google.withdraw();
    await expire();
    await expect(current()).rejects.toBeInstanceOf(ConsentWithdrawn);
    const restored = await connectByConsent(gateway, google, token, { query: `?reconnect=${connection.id}` });
    expect(restored).toMatchObject({ id: connection.id, label: 'Mine', status: 'healthy' });
    expect((await client.get('kept.bin')).body).toEqual(Buffer.alloc(300_000, 7));
    expect(await told()).toEqual(['connection.made', 'connection.needs-reconnect', 'connection.reconnected']);
    // And it goes on by the new refresh token.
    await expire();
    expect(await current()).toMatch(/^ya29/);
  });

  it('is given again by connecting the account as if it were new', async () => {
    google.withdraw();
    await expire();
    await expect(current()).rejects.toBeInstanceOf(ConsentWithdrawn);
    const restored = await connectByConsent(gateway, google, token);
    expect(restored).toMatchObject({ id: connection.id, label: 'Mine', status: 'healthy' });
  });

  it('is not replaced by another account’s', async () => {
    google.withdraw();
    await expire();
    await expect(current()).rejects.toBeInstanceOf(ConsentWithdrawn);
    const choice = { user: 'brook@example.com' };
    const answer = await tryToConnect(gateway, google, token, { query: `?reconnect=${connection.id}`, choice });
    expect([answer.status, answer.json()['type']]).toEqual([409, 'conflict']);
    expect(await shown()).toMatchObject({ status: 'needs-reconnect', accountName: 'ada@example.com' });
  });

  it('cannot be given again for what is not there, or is another provider’s', async () => {
    for (const [id, provider] of [
      ['01890000-0000-7000-8000-000000000000', CLOUD],
      [connection.id, OTHER_CLOUD],
    ]) {
      const path = `/api/cloud/oauth/initiate/${provider}?reconnect=${id}`;
      expect((await call(gateway, path, { token })).status).toBe(404);
    }
  });

  it('and given again while an old refresh is being refused, stays given', async () => {
    google.withdraw();
    await expire();
    // That all is over arrives only when the new consent is stored.
    const { there, letGo } = front.hold('/token');
    const late = current();
    await there;
    await connectByConsent(gateway, google, token, { query: `?reconnect=${connection.id}` });
    letGo();
    expect(await late).toMatch(/^ya29/);
    expect(await shown()).toMatchObject({ status: 'healthy' });
    expect(await told()).toEqual(['connection.made', 'connection.reconnected']);
  });
});

describe('a vendor in trouble', () => {
  it.each<[string, object]>([
    ['is busy', { kind: 'answers', status: 503 }],
    ['asks for quiet', { kind: 'answers', status: 429, headers: { 'Retry-After': '30' } }],
    ['breaks off', { kind: 'resets' }],
    ['shows a page', { kind: 'answers', status: 200, body: '<html>maintenance</html>' }],
  ])('that %s does not mean that a consent has ended, and is left alone for a while', async (_, does) => {
    await expire();
    google.follow([{ about: '/token', does: does as never }]);
    await expect(current()).rejects.toThrow();
    const before = asked();
    for (let again = 0; again < 10; again += 1) await expect(current()).rejects.toBeInstanceOf(ConnectionAway);
    expect(asked()).toBe(before);
    expect((await shown()).status).not.toBe('needs-reconnect');
    google.follow([]);
    await sql.query(`update oauth_grants set not_before = null`);
    expect(await current()).toMatch(/^ya29/);
    expect(await told()).toEqual(['connection.made']);
  });

  it('costs nobody a token that is still good', async () => {
    const old = await current();
    await sql.query(`update oauth_grants set access_expires_at = clock_timestamp() + interval '100 seconds'`);
    tokens.forget(connection.id);
    google.follow([{ about: '/token', does: { kind: 'answers', status: 503 } }]);
    expect([await current(), await current()]).toEqual([old, old]);
  });

  it('that refuses the operator’s application is the operator’s business: failing, in plain words', async () => {
    await expire();
    const body = { error: 'invalid_client', error_codes: [7_000_222], error_description: 'planted words' };
    google.follow([{ about: '/token', does: { kind: 'answers', status: 401, body } }]);
    await expect(current()).rejects.toThrow(/operator/);
    await expect(current()).rejects.toThrow(/operator/);
    const { status, lastError } = await shown();
    expect([status, lastError]).toEqual(['failing', expect.stringMatching(/secret has expired/)]);
    expect(lastError).not.toContain('planted');
    google.follow([]);
    await sql.query(`update oauth_grants set not_before = null`);
    await current();
    expect(String((await shown()).lastError)).not.toMatch(/secret/);
    expect(await told()).toEqual(['connection.made']);
  });
});

describe('new tokens', () => {
  it.each(['before', 'after'] as const)(
    'survive a database that is lost while they are stored (%s the COMMIT)',
    async (when) => {
      google.ways.rotatesRefreshTokens = true;
      await expire();
      await current();
      await expire();
      const before = asked();
      proxy.cutAt('COMMIT', when, { following: 'set version = version + 1' });
      const given = await current();
      expect([proxy.hasCut, asked() - before]).toEqual([true, 1]);
      await expire();
      expect(await current()).not.toBe(given);
      expect((await shown()).status).not.toBe('needs-reconnect');
    },
  );

  it('wait in memory for a database that stays away, and are not asked for twice', async () => {
    google.ways.rotatesRefreshTokens = true;
    await expire();
    await current();
    await expire();
    const before = asked();
    const { there, letGo } = front.hold('/token');
    const losing = current().catch((error: Error) => error);
    await there;
    proxy.close();
    letGo();
    expect(await losing).toBeInstanceOf(Error);
    proxy.open();
    // Another gateway, whose claim came later, was told that the old refresh token is worth nothing.
    await sql.query(`update connections set needs_reconnect_at = now() where id = $1`, [connection.id]);
    expect(await current()).toMatch(/^ya29/);
    expect(asked()).toBe(before + 1);
    expect((await told()).at(-1)).toBe('connection.reconnected');
    await expire();
    expect(await current()).toMatch(/^ya29/);
  });

  it('are taken over from a gateway that died while it asked', async () => {
    await expire();
    await sql.query(`update oauth_grants set claim = nextval('fencing_tokens'),
       claimed_until = clock_timestamp() + interval '400 milliseconds'`);
    const before = asked();
    expect(await current()).toMatch(/^ya29/);
    expect(asked()).toBe(before + 1);
  });

  it('are fetched for others when the first who asked has gone', async () => {
    await expire();
    const { there, letGo } = front.hold('/token');
    const before = asked();
    const gone = new AbortController();
    const first = tokens.of(connection.id).current(gone.signal);
    const second = current();
    await there;
    gone.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    letGo();
    expect(await second).toMatch(/^ya29/);
    expect(asked()).toBe(before + 1);
  });
});

describe('a consent that will lapse', () => {
  it('by the vendor’s own limit is announced', async () => {
    await sql.query(`update connections set removed_at = now() where id = $1`, [connection.id]);
    google.ways.refreshTokenSeconds = 604_799;
    const limited = await connectByConsent(gateway, google, token);
    const days = (Date.parse(limited.grantExpiresAt!) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(6.9);
    expect(days).toBeLessThan(7.01);
  });

  it('by idling is used each month, also while its connection is switched off', async () => {
    await call(gateway, `/api/cloud/connections/${connection.id}`, {
      method: 'PATCH',
      token,
      body: { enabled: false },
    });
    const before = asked();
    await tokens.keepAlive();
    expect(asked()).toBe(before);
    await sql.query(`update oauth_grants set refreshed_at = now() - interval '31 days' where connection = $1`, [
      connection.id,
    ]);
    await tokens.keepAlive();
    await tokens.keepAlive();
    expect(asked()).toBe(before + 1);
  });

  it('by idling, because the gateway was off for long, is announced', async () => {
    await sql.query(`update oauth_grants set refreshed_at = now() - interval '50 days' where connection = $1`, [
      connection.id,
    ]);
    const days = (Date.parse((await shown()).grantExpiresAt!) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(39.9);
    expect(days).toBeLessThan(40.1);
  });
});

describe('withdrawing a consent from here (16)', () => {
  const row = async () => (await allConnections(sql)).find(({ id }) => id === connection.id)!;
  const revoke = async () => inside(gateway, RevokeConsent).run(await row());

  it('asks the vendor, and takes it for done when it was done before', async () => {
    expect(await revoke()).toEqual({ outcome: 'revoked' });
    await expire();
    await expect(current()).rejects.toBeInstanceOf(ConsentWithdrawn);
    expect(await revoke()).toEqual({ outcome: 'revoked' });
  });

  it('is not done while another connection lives by it', async () => {
    const other = await connectByConsent(gateway, google, token, { provider: OTHER_CLOUD });
    const revocations = () => google.heard.filter(({ path }) => path === '/revoke').length;
    const before = revocations();
    expect(await revoke()).toEqual({ outcome: 'shared' });
    expect(revocations()).toBe(before);
    expect((await shown(other.id)).status).toBe('healthy');
  });

  it('says when the vendor cannot be asked now', async () => {
    google.follow([{ about: '/revoke', does: { kind: 'answers', status: 503 } }]);
    await expect(revoke()).rejects.toBeInstanceOf(ConnectionAway);
  });

  it('is not done by forgetting a connection, or by refusing one', async () => {
    expect((await tryToConnect(gateway, google, token)).status).toBe(409);
    google.expireAccessTokens();
    expect((await shown()).status).toBe('healthy');
  });
});
