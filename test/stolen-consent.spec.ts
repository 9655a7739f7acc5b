import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '#contracts';
import { Database } from '../src/database/index.js';
import { driveFile, type GoogleDouble, startGoogle } from './doubles/google/index.js';
import { begin, bringBack, connectByConsent, googleSettings, tryToConnect } from './support/consent.js';
import { addConsentingClouds, CLOUD, type ConsentingCloud, OTHER_CLOUD } from './support/consenting-cloud.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { call, newPerson, type Person, signIn } from './support/people.js';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

let google: GoogleDouble;
let clouds: ConsentingCloud;
let gateway: TestGateway;
let admin: string;
let anna: Person;
let bert: Person;
let sql: Database;

beforeAll(async () => {
  google = await startGoogle();
  clouds = addConsentingClouds(google);
  gateway = await startGateway({ environment: googleSettings(google) });
  google.ways.redirectAddresses = [CLOUD, OTHER_CLOUD].map((id) => `${gateway.url}/api/cloud/oauth/callback/${id}`);
  sql = gateway.app.get(Database);
  admin = await signIn(gateway);
  [anna, bert] = await Promise.all([newPerson(gateway, admin, ['user']), newPerson(gateway, admin, ['user'])]);
});
afterEach(async () => {
  google.follow([]);
  await sql.query(`update connections set removed_at = now() where provider like '%consenting-cloud'`);
  await sql.query(`delete from ephemeral_counters where key like 'consent-%'`);
});
afterAll(async () => {
  await gateway?.stop();
  clouds?.[Symbol.dispose]();
  await google?.stop();
});

const connectionsOf = async ({ token }: Person): Promise<Connection[]> => {
  const { items } = (await call(gateway, '/api/cloud/connections', { token })).json<{ items: Connection[] }>();
  return items.filter(({ house }) => !house);
};
const changeAccount = (id: string, body: object) =>
  call(gateway, `/api/admin/users/${id}`, { method: 'PATCH', token: admin, body });
const codesExchanged = () => google.heard.filter(({ path }) => path === '/token').length;

/** Refused, and nothing came of it: no connection, and the vendor was not even asked. */
async function refused(work: () => Promise<{ status: number; json(): unknown }>, type = 'oauth-state'): Promise<void> {
  const before = codesExchanged();
  const answer = await work();
  expect([answer.status, (answer.json() as { type: string }).type]).toEqual([400, type]);
  expect(codesExchanged()).toBe(before);
  expect([await connectionsOf(anna), await connectionsOf(bert)]).toEqual([[], []]);
}

describe('connecting by consent', () => {
  it('ends with a tried connection, for a program', async () => {
    const made = await connectByConsent(gateway, google, anna.token, { query: '?label=Mine' });
    expect(made).toMatchObject({
      provider: CLOUD,
      label: 'Mine',
      status: 'healthy',
      accountName: 'ada@example.com',
      grantExpiresAt: null,
    });
    expect(made.domain).toBe('google:01234567890123456789');
    expect(await connectionsOf(anna)).toHaveLength(1);
    const shelves = [...clouds.stored.get('01234567890123456789')!.values()];
    expect(shelves.flatMap(({ blobs }) => [...blobs])).toEqual([]);
  });

  it('takes a browser there and back, and leaves nothing in its address (19)', async () => {
    const headers = { Accept: BROWSER, Cookie: `tessera=${anna.token}`, 'Sec-Fetch-Site': 'same-origin' };
    const there = await call(gateway, `/api/cloud/oauth/initiate/${CLOUD}`, { headers });
    expect(there.status).toBe(302);
    const cookie = there.headers.get('set-cookie')!;
    expect(cookie).toMatch(/^tessera-consent-[0-9a-f]{16}=[\w-]{43}; Max-Age=600; Path=\/;.* HttpOnly; SameSite=Lax$/);
    const back = await google.consent(there.headers.get('location')!, { decision: 'allow' });
    const landed = await bringBack(gateway, back, { Accept: BROWSER, Cookie: cookie.split(';')[0]! });
    expect([landed.status, landed.headers.get('location')]).toEqual([303, `${gateway.url}/clouds?connected`]);
    expect(landed.headers.get('set-cookie')).toMatch(/^tessera-consent-[0-9a-f]{16}=;.*Expires=Thu, 01 Jan 1970/);
    expect(await connectionsOf(anna)).toMatchObject([{ label: 'Consenting cloud ada@example.com' }]);
  });

  it('is part of what there is to choose from', async () => {
    const { items } = (await call(gateway, '/api/cloud/providers', { token: anna.token })).json<{
      items: { provider: string }[];
    }>();
    expect(items.find(({ provider }) => provider === CLOUD)).toMatchObject({
      signIn: 'oauth',
      configured: true,
      consents: [{ id: 'narrow' }, { id: 'named' }],
    });
  });

  it('is no form', async () => {
    const body = { label: 'Mine', accessToken: 'x', refreshToken: 'y' };
    const answer = await call(gateway, `/api/cloud/connections/${CLOUD}`, { token: anna.token, body });
    expect([answer.status, answer.text.includes(`/api/cloud/oauth/initiate/${CLOUD}`)]).toEqual([422, true]);
  });

  it.each([
    ['no provider', 'nothing', 404],
    ['a provider with a form', 'webdav', 404],
  ])('is not begun for %s', async (_, provider, status) => {
    const answer = await call(gateway, `/api/cloud/oauth/initiate/${provider}`, { token: anna.token });
    expect(answer.status).toBe(status);
  });
});

describe('the question that is asked', () => {
  it('is the code flow with PKCE S256, and a state of 256 bits, new each time (1, 2, 3)', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => begin(gateway, anna.token)));
    const asked = all.map(({ url }) => Object.fromEntries(new URL(url).searchParams));
    for (const question of asked) {
      expect(question).toMatchObject({ response_type: 'code', code_challenge_method: 'S256', access_type: 'offline' });
      expect(question['state']).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect(question['code_challenge']).toMatch(/^[A-Za-z0-9_-]{43}$/);
    }
    for (const name of ['state', 'code_challenge']) expect(new Set(asked.map((each) => each[name])).size).toBe(20);
    expect(new Set(all.map(({ cookie }) => cookie)).size).toBe(20);
  });

  it('names one exact redirect address, whatever the caller sends along (5)', async () => {
    const query = '?redirect_uri=https://evil.example/&returnTo=https://evil.example/';
    const { url } = await begin(gateway, anna.token, query);
    expect(new URL(url).searchParams.get('redirect_uri')).toBe(`${gateway.url}/api/cloud/oauth/callback/${CLOUD}`);
    expect(url).not.toContain('evil');
  });

  it('goes to the vendor that is set up, and nowhere else (7)', async () => {
    const headers = { Host: 'evil.example', 'X-Forwarded-Host': 'evil.example' };
    const answer = await call(gateway, `/api/cloud/oauth/initiate/${CLOUD}`, { token: anna.token, headers });
    const { url } = answer.json<{ url: string }>();
    expect(new URL(url).origin).toBe(google.origin);
    expect(url).not.toContain('evil');
  });

  it('holds no secret of the operator’s (10)', async () => {
    const { url, answer } = await begin(gateway, anna.token);
    const [, value] = (await begin(gateway, anna.token)).cookie.split('=');
    for (const text of [url, answer.text, [...answer.headers].join()]) expect(text).not.toContain(google.clientSecret);
    expect(url).not.toContain(value);
  });

  it('asks for the least by itself, and for more only by its name (11)', async () => {
    const scopesOf = async (query: string) =>
      new URL((await begin(gateway, anna.token, query)).url).searchParams.get('scope');
    expect(await scopesOf('')).toBe(driveFile);
    expect(await scopesOf('?consent=named')).toBe(`${driveFile} openid`);
    const everything = await call(gateway, `/api/cloud/oauth/initiate/${CLOUD}?consent=everything`, {
      token: anna.token,
    });
    expect(everything.status).toBe(422);
  });

  it('is not asked from another site (3)', async () => {
    for (const site of ['cross-site', 'same-site']) {
      const headers = { Cookie: `tessera=${anna.token}`, 'Sec-Fetch-Site': site, Accept: BROWSER };
      expect((await call(gateway, `/api/cloud/oauth/initiate/${CLOUD}`, { headers })).status).toBe(403);
    }
  });

  it('wants a sign-in of the last two hours, as every way to connect or disconnect does (22)', async () => {
    await sql.query(`update sessions set created_at = now() - interval '121 minutes' where account = $1`, [anna.id]);
    const body = { label: 'Mine', url: 'https://dav.example/', username: 'a', password: 'b' };
    for (const [method, path, sent] of [
      ['GET', `/api/cloud/oauth/initiate/${CLOUD}`, undefined],
      ['POST', '/api/cloud/connections/webdav', body],
      ['POST', '/api/cloud/login/webdav', body],
      ['DELETE', `/api/cloud/connections/${anna.id}`, undefined],
    ] as const) {
      const answer = await call(gateway, path, { method, token: anna.token, body: sent });
      expect([answer.status, answer.json()['type']]).toEqual([403, 'sign-in-again']);
    }
    expect((await call(gateway, '/api/cloud/connections', { token: anna.token })).status).toBe(200);
    anna = { ...anna, token: await signIn(gateway, anna) };
    expect((await begin(gateway, anna.token)).state).toHaveLength(43);
  });

  it('is asked so often in a minute, and not more (21)', async () => {
    const statuses: number[] = [];
    for (let count = 0; count < 62; count += 1) {
      statuses.push((await call(gateway, `/api/cloud/oauth/initiate/${CLOUD}`, { token: anna.token })).status);
    }
    expect(statuses.filter((status) => status === 200)).toHaveLength(60);
    expect(statuses.at(-1)).toBe(429);
    expect((await begin(gateway, bert.token)).state).toHaveLength(43);
  });
});

describe('an answer', () => {
  it('counts once (3, 9)', async () => {
    const begun = await begin(gateway, anna.token);
    const back = await google.consent(begun.url, { decision: 'allow' });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => bringBack(gateway, back, { Cookie: begun.cookie })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(9);
    expect(await connectionsOf(anna)).toHaveLength(1);
    expect((await bringBack(gateway, back, { Cookie: begun.cookie })).json()['type']).toBe('oauth-state');
  });

  it('counts for ten minutes (3)', async () => {
    const begun = await begin(gateway, anna.token);
    const back = await google.consent(begun.url, { decision: 'allow' });
    await sql.query(`update ephemeral_values set expires_at = expires_at - interval '601 seconds'`);
    await refused(() => bringBack(gateway, back, { Cookie: begun.cookie }));
  });

  it.each<[string, (back: URL) => void]>([
    ['a state that was made up', (back) => back.searchParams.set('state', 'A'.repeat(43))],
    ['no state', (back) => back.searchParams.delete('state')],
    ['an empty state', (back) => back.searchParams.set('state', '')],
    ['a state that is none', (back) => back.searchParams.set('state', '../../x')],
    ['no code', (back) => back.searchParams.delete('code')],
    ['two codes', (back) => back.searchParams.append('code', 'another')],
    ['two states', (back) => back.searchParams.append('state', 'A'.repeat(43))],
    ['an error twice', (back) => ['a', 'b'].forEach((error) => back.searchParams.append('error', error))],
  ])('is refused with %s (3, 9)', async (_, spoil) => {
    const begun = await begin(gateway, anna.token);
    const back = await google.consent(begun.url, { decision: 'allow' });
    const spoilt = new URL(back);
    spoil(spoilt);
    await refused(() => bringBack(gateway, spoilt, { Cookie: begun.cookie }));
    if (!spoilt.search.includes(begun.state)) return;
    // The state was in it: it is used up by this.
    await refused(() => bringBack(gateway, back, { Cookie: begun.cookie }));
  });

  it('counts in the browser that asked, and in no other (4)', async () => {
    const theirs = await begin(gateway, bert.token);
    for (const cookie of [undefined, theirs.cookie, 'tessera-consent-0123456789abcdef=x']) {
      const begun = await begin(gateway, anna.token);
      const back = await google.consent(begun.url, { decision: 'allow' });
      await refused(() => bringBack(gateway, back, cookie === undefined ? {} : { Cookie: cookie }));
      // Whoever tried it with the wrong cookie has used it up.
      await refused(() => bringBack(gateway, back, { Cookie: begun.cookie }));
    }
  });

  it('does not count in a browser that has the right cookie’s name and another’s value (4)', async () => {
    const [own, other] = [await begin(gateway, anna.token), await begin(gateway, anna.token)];
    const back = await google.consent(own.url, { decision: 'allow' });
    const crossed = `${own.cookie.split('=')[0]}=${other.cookie.split('=')[1]}`;
    await refused(() => bringBack(gateway, back, { Cookie: crossed }));
  });

  it('goes to the account that asked, whoever is signed in where it arrives (4)', async () => {
    const begun = await begin(gateway, anna.token);
    const back = await google.consent(begun.url, { decision: 'allow' });
    const answer = await bringBack(gateway, back, { Cookie: `${begun.cookie}; tessera=${bert.token}` });
    expect(answer.status).toBe(201);
    expect([(await connectionsOf(anna)).length, (await connectionsOf(bert)).length]).toEqual([1, 0]);
  });

  it('counts only where it was meant to arrive (6)', async () => {
    const begun = await begin(gateway, anna.token);
    const back = await google.consent(begun.url, { decision: 'allow' });
    const elsewhere = new URL(back.href.replace(CLOUD, OTHER_CLOUD));
    await refused(() => bringBack(gateway, elsewhere, { Cookie: begun.cookie }));
    await refused(() => bringBack(gateway, back, { Cookie: begun.cookie }));
  });

  it('with the code of another question does not count (2, 9)', async () => {
    const [first, second] = [await begin(gateway, anna.token), await begin(gateway, bert.token)];
    const backs = await Promise.all([first, second].map(({ url }) => google.consent(url, { decision: 'allow' })));
    const mixed = new URL(backs[0]!);
    mixed.searchParams.set('code', backs[1]!.searchParams.get('code')!);
    const answer = await bringBack(gateway, mixed, { Cookie: first.cookie });
    expect([answer.status, answer.json()['type']]).toEqual([400, 'oauth-state']);
    expect(await connectionsOf(anna)).toEqual([]);
  });

  it('with a refusal uses the state up as well (8)', async () => {
    const begun = await begin(gateway, anna.token);
    const back = await google.consent(begun.url, { decision: 'deny' });
    const answer = await bringBack(gateway, back, { Cookie: begun.cookie });
    expect([answer.status, answer.json()['type']]).toEqual([422, 'oauth-denied']);
    const again = await google.consent((await begin(gateway, anna.token)).url, { decision: 'allow' });
    again.searchParams.set('state', begun.state);
    await refused(() => bringBack(gateway, again, { Cookie: begun.cookie }));
  });

  it('of a vendor in trouble is told apart from a refusal (8)', async () => {
    for (const [error, status] of [
      ['temporarily_unavailable', 503],
      ['unauthorized_client', 503],
      ['<script>alert(1)</script>', 422],
    ] as const) {
      const begun = await begin(gateway, anna.token);
      const back = new URL(`${gateway.url}/api/cloud/oauth/callback/${CLOUD}`);
      back.search = String(new URLSearchParams({ state: begun.state, error, error_description: 'planted words' }));
      const answer = await bringBack(gateway, back, { Cookie: begun.cookie });
      expect(answer.status).toBe(status);
      expect(answer.text).not.toMatch(/script|planted/);
    }
  });

  it('that grants less than is needed makes no connection (11)', async () => {
    const answer = await tryToConnect(gateway, google, anna.token, {
      query: '?consent=named',
      choice: { untick: [driveFile] },
    });
    expect([answer.status, answer.json()['type']]).toEqual([422, 'oauth-denied']);
    expect(await connectionsOf(anna)).toEqual([]);
    expect(
      await tryToConnect(gateway, google, anna.token, { query: '?consent=named', choice: { untick: ['openid'] } }),
    ).toMatchObject({ status: 201 });
  });

  it('says whose account it is by the vendor’s own word alone, not by a token that a stranger signed (12)', async () => {
    const forged = ['{"alg":"none"}', '{"sub":"1","email":"bert@example.com"}', '']
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.');
    const { accessToken, refreshToken } = google.grant();
    const body = { access_token: accessToken, refresh_token: refreshToken, id_token: forged, scope: driveFile };
    google.follow([{ about: '/token', does: { kind: 'answers', status: 200, body: { ...body, expires_in: 3600 } } }]);
    const made = await connectByConsent(gateway, google, anna.token);
    expect(made.accountName).toBe('ada@example.com');
  });

  it.each<[string, (who: Person) => Promise<{ status: number }>]>([
    ['its sign-in has ended', ({ token }) => call(gateway, '/api/auth/logout', { method: 'POST', token })],
    ['its account was disabled', ({ id }) => changeAccount(id, { disabled: true })],
    ['its account may use no clouds any more', ({ id }) => changeAccount(id, { roles: ['auditor'] })],
  ])('does not count when %s meanwhile (3)', async (_, end) => {
    const who = await newPerson(gateway, admin, ['user']);
    const begun = await begin(gateway, who.token);
    const back = await google.consent(begun.url, { decision: 'allow' });
    expect((await end(who)).status).toBeLessThan(300);
    const before = codesExchanged();
    const answer = await bringBack(gateway, back, { Cookie: begun.cookie });
    expect([answer.status, answer.json()['type'], codesExchanged()]).toEqual([400, 'oauth-state', before]);
    expect(await sql.query(`select 1 from connections where account = $1`, [who.id])).toEqual([]);
  });

  it('is brought so often from one address without belonging to anything, and not more (21)', async () => {
    const wrong = new URL(`${gateway.url}/api/cloud/oauth/callback/${CLOUD}?state=${'A'.repeat(43)}&code=x`);
    const statuses: number[] = [];
    for (let count = 0; count < 125; count += 1) statuses.push((await bringBack(gateway, wrong)).status);
    expect([statuses.filter((status) => status === 400).length, statuses.at(-1)]).toEqual([120, 429]);
    // Who was asked is let in all the same.
    expect((await connectByConsent(gateway, google, anna.token)).status).toBe('healthy');
  });
});

describe('the page that a browser is shown when it goes wrong', () => {
  it('is plain, sends no referrer, and asks nothing of anybody else (18)', async () => {
    const wrong = new URL(`${gateway.url}/api/cloud/oauth/callback/${CLOUD}?state=${'A'.repeat(43)}&code=planted-code`);
    const answer = await bringBack(gateway, wrong, { Accept: BROWSER });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'text/html; charset=utf-8']);
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(answer.text).not.toMatch(/(src|href)="https?:|planted-code|AAAA/);
    expect(answer.text).toContain('href="/clouds"');
  });

  it('tells a refusal with its own status', async () => {
    const begun = await begin(gateway, anna.token);
    const back = await google.consent(begun.url, { decision: 'deny' });
    const answer = await bringBack(gateway, back, { Accept: BROWSER, Cookie: begun.cookie });
    expect([answer.status, answer.text.includes('<h1>Consent refused</h1>')]).toEqual([422, true]);
  });
});

describe('one remote account', () => {
  it('is connected once, to one account here (20)', async () => {
    await connectByConsent(gateway, google, anna.token, { query: '?label=Mine' });
    const again = await tryToConnect(gateway, google, anna.token);
    expect([again.status, again.json()]).toMatchObject([409, { type: 'exists' }]);
    expect(again.text).toContain('“Mine”');
    const elsewhere = await tryToConnect(gateway, google, bert.token);
    expect([elsewhere.status, elsewhere.json()]).toMatchObject([409, { type: 'exists' }]);
    expect(elsewhere.text).not.toContain('Mine');
    expect((await connectionsOf(anna))[0]).toMatchObject({ status: 'healthy' });
    // Its consent was not withdrawn by that.
    google.expireAccessTokens();
    expect((await connectionsOf(anna))[0]).toMatchObject({ status: 'healthy' });
  });

  it('beside another of the same person is another connection', async () => {
    await connectByConsent(gateway, google, anna.token);
    await connectByConsent(gateway, google, anna.token, { choice: { user: 'brook@example.com' } });
    expect((await connectionsOf(anna)).map(({ domain }) => domain)).toEqual([
      'google:01234567890123456789',
      'google:09876543210987654321',
    ]);
  });

  it('becomes the house’s only by an admin', async () => {
    const mine = await call(gateway, `/api/cloud/oauth/initiate/${CLOUD}?house=true`, { token: anna.token });
    expect(mine.status).toBe(403);
    const made = await connectByConsent(gateway, google, admin, { query: '?house=true&domain=office' });
    expect(made).toMatchObject({ house: true, domain: 'office', accountName: null });
  });
});

describe('an application that is not set up', () => {
  it('is told by the names of its variables', async () => {
    const bare = await startGateway();
    try {
      const token = await signIn(bare);
      const answer = await call(bare, `/api/cloud/oauth/initiate/${CLOUD}`, { token });
      expect([answer.status, answer.json()]).toMatchObject([503, { type: 'not-configured' }]);
      expect(answer.text).toMatch(/GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET/);
    } finally {
      await bare.stop();
    }
  });

  it('with a wrong secret is the operator’s business, and no connection', async () => {
    google.follow([{ about: '/token', does: { kind: 'answers', status: 401, body: { error: 'invalid_client' } } }]);
    const answer = await tryToConnect(gateway, google, anna.token);
    expect([answer.status, answer.text.includes('operator')]).toEqual([503, true]);
    expect(await connectionsOf(anna)).toEqual([]);
  });
});
