import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ApplicationRefused,
  CodeRefused,
  ConnectionAway,
  ConsentWithdrawn,
  type StorageFault,
  Throttled,
} from '../errors.js';
import { OAuthClient } from './client.js';
import { challengeOf, newVerifier } from './pkce.js';
import type { OAuthRules } from './rules.js';
import { missingScopes } from './scopes.js';

const SECRET = 'planted-client-secret';
const TOKEN = 'planted-refresh-token';
const CODE = '4/0planted-code';

interface Seen {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly form: URLSearchParams;
}

let server: Server;
let origin: string;
let seen: Seen[];
let answer: RequestListener;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const form = new URLSearchParams(Buffer.concat(pieces).toString());
    seen.push({ path: request.url ?? '', headers: request.headers, form });
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  seen = [];
  answer = (_request, response) => response.end(good());
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const good = (more: object = {}) =>
  JSON.stringify({ access_token: 'access-1', token_type: 'Bearer', expires_in: 3599, ...more });

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };

const rules = (more: Partial<OAuthRules> = {}): OAuthRules => ({
  application: 'vendor',
  endpoints: (stand) => ({
    authorize: `${stand ?? 'https://vendor.example'}/authorize?tenant=common`,
    token: `${stand ?? 'https://vendor.example'}/token`,
    revoke: `${stand ?? 'https://vendor.example'}/revoke`,
  }),
  consents: [],
  authorizeParameters: { access_type: 'offline', prompt: 'consent', response_type: 'token' },
  scopeInTokenRequest: false,
  idleGrantMs: null,
  identify: async () => ({ id: '1', name: 'one' }),
  withdrawAt: 'https://vendor.example/consents',
  ...more,
});

const client = (more: Partial<OAuthRules> = {}, withinMs = 5000) =>
  new OAuthClient({
    rules: rules(more),
    registration: { clientId: 'client-7', clientSecret: () => SECRET },
    origin,
    withinMs,
  });

const exchange = (by = client()) =>
  by.exchange({ code: CODE, verifier: 'v'.repeat(43), redirectUri: 'https://t.example/cb', scopes: ['files'] });

async function refused(work: Promise<unknown>): Promise<StorageFault> {
  const error = await work.then(
    () => {
      throw new Error('It was not refused.');
    },
    (found: unknown) => found,
  );
  const told = inspect(error, { depth: 9, showHidden: true });
  for (const secret of [SECRET, TOKEN, CODE, 'access-1']) expect(told).not.toContain(secret);
  return error as StorageFault;
}

describe('asking a person for consent', () => {
  it('uses the code flow with PKCE S256, whatever the vendor’s extra parameters say', () => {
    const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
    const url = new URL(
      client().authorizeUrl({ redirectUri: 'https://t.example/cb', state: 's 1', verifier, scopes: ['a', 'b'] }),
    );
    expect(url.origin + url.pathname).toBe(`${origin}/authorize`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      tenant: 'common',
      access_type: 'offline',
      prompt: 'consent',
      client_id: 'client-7',
      response_type: 'code',
      redirect_uri: 'https://t.example/cb',
      scope: 'a b',
      state: 's 1',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    });
    expect(url.href).not.toContain(verifier);
    expect(url.href).not.toContain(SECRET);
  });

  it('makes a new verifier each time, long enough for the standard', () => {
    const made = new Set(Array.from({ length: 1000 }, newVerifier));
    expect(made.size).toBe(1000);
    for (const verifier of made) expect(verifier).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(challengeOf([...made][0]!)).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });
});

describe('exchanging a code', () => {
  it('sends the code, the verifier and the secret in a form, and nothing in the address', async () => {
    await exchange();
    expect(seen[0]!.path).toBe('/token');
    expect(seen[0]!.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(seen[0]!.headers.authorization).toBeUndefined();
    expect(Object.fromEntries(seen[0]!.form)).toEqual({
      grant_type: 'authorization_code',
      code: CODE,
      redirect_uri: 'https://t.example/cb',
      code_verifier: 'v'.repeat(43),
      client_id: 'client-7',
      client_secret: SECRET,
    });
  });

  it('sends the scopes where the vendor wants them again', async () => {
    await exchange(client({ scopeInTokenRequest: true }));
    expect(seen[0]!.form.get('scope')).toBe('files');
  });

  it('reads what it was given', async () => {
    answer = json(200, good({ refresh_token: TOKEN, scope: 'a  b', refresh_token_expires_in: 604_799, id_token: 'x' }));
    expect(await exchange()).toEqual({
      accessToken: 'access-1',
      refreshToken: TOKEN,
      expiresInMs: 3_599_000,
      scopes: ['a', 'b'],
      grantEndsInMs: 604_799_000,
    });
  });

  it.each<[string, object, number]>([
    ['as a text', { expires_in: '120' }, 120_000],
    ['not at all', { expires_in: undefined }, 300_000],
    ['as nonsense', { expires_in: 'soon' }, 300_000],
    ['as less than nothing', { expires_in: -1 }, 300_000],
    ['as a year', { expires_in: 31_536_000 }, 30 * 86_400_000],
  ])('takes a life that is told %s', async (_, more, ms) => {
    answer = json(200, good(more));
    expect((await exchange()).expiresInMs).toBe(ms);
  });

  it('says of a code that is not taken that one has to start again', async () => {
    answer = json(400, { error: 'invalid_grant', error_description: `Bad ${CODE}` });
    expect(await refused(exchange())).toBeInstanceOf(CodeRefused);
  });
});

describe('refreshing', () => {
  const refresh = () => client().refresh(TOKEN, ['files']);
  const verdicts: [string, RequestListener, new (...parts: never[]) => StorageFault][] = [
    ['a dead grant', json(400, { error: 'invalid_grant', error_description: TOKEN }), ConsentWithdrawn],
    ['a grant that ended by idling', json(400, { error: 'invalid_grant', error_codes: [700_082] }), ConsentWithdrawn],
    ['a policy that wants the person', json(400, { error: 'interaction_required' }), ConsentWithdrawn],
    ['a wrong secret', json(401, { error: 'invalid_client', error_description: SECRET }), ApplicationRefused],
    ['an unknown client', json(400, { error: 'unauthorized_client', error_codes: [700_016] }), ApplicationRefused],
    ['a wrong scope', json(400, { error: 'invalid_scope' }), ApplicationRefused],
    ['a refusal in new words', json(403, { error: `new-${TOKEN}` }), ApplicationRefused],
    ['a vendor that is busy', json(503, 'busy'), ConnectionAway],
    ['a vendor that is busy, in its own words', json(400, { error: 'temporarily_unavailable' }), ConnectionAway],
    ['a page in place of an answer', json(200, `<html>${TOKEN}</html>`), ConnectionAway],
    ['a page in place of a refusal', json(403, `<html>${TOKEN}</html>`), ConnectionAway],
    ['half an answer', json(200, `{"access_token":"${TOKEN}`), ConnectionAway],
    ['an answer without a token', json(200, { token_type: 'Bearer' }), ConnectionAway],
    ['a token that would end a header', json(200, good({ access_token: 'a\r\nHost: x' })), ConnectionAway],
    ['a token of another type', json(200, good({ token_type: 'mac' })), ConnectionAway],
    ['a list', json(200, [good()]), ConnectionAway],
    ['an answer without end', json(200, `{"access_token":"${'x'.repeat(70_000)}"}`), ConnectionAway],
  ];
  it.each(verdicts)('tells %s from the others', async (_, listener, wanted) => {
    answer = listener;
    expect((await refused(refresh())).constructor).toBe(wanted);
  });

  it.each([
    ['2', 2000],
    ['100000', 900_000],
    ['soon', null],
  ])('heeds a wish to be left alone for %s', async (after, ms) => {
    answer = json(429, {}, { 'Retry-After': after });
    const fault = await refused(refresh());
    expect(fault).toBeInstanceOf(Throttled);
    expect((fault as Throttled).retryAfterMs).toBe(ms);
  });

  it('tells the operator that the secret has expired', async () => {
    answer = json(401, { error: 'invalid_client', error_codes: [7_000_222] });
    expect((await refused(refresh())).message).toContain('has expired');
  });

  it.each([301, 302, 303, 307, 308])('follows no redirect (%d), and sends nothing there', async (status) => {
    answer = json(status, {}, { Location: `${origin}/elsewhere` });
    expect(await refused(refresh())).toBeInstanceOf(ConnectionAway);
    expect(seen.map(({ path }) => path)).toEqual(['/token']);
  });

  it('asks no proxy of the environment', async () => {
    for (const name of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY']) vi.stubEnv(name, 'http://127.0.0.1:9');
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    try {
      expect((await refresh()).accessToken).toBe('access-1');
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it.each<[string, RequestListener]>([
    ['says nothing', () => {}],
    ['drips', (_request, response) => void response.write('{')],
  ])('gives up on a vendor that %s', async (_, listener) => {
    answer = listener;
    expect((await refused(client({}, 150).refresh(TOKEN, []))).message).toMatch(/takes too long/);
  });

  it('says that a vendor cannot be reached, and that a connection broke', async () => {
    answer = (request) => request.socket.destroy();
    expect(await refused(refresh())).toBeInstanceOf(ConnectionAway);
    const nowhere = new OAuthClient({
      rules: rules(),
      registration: { clientId: 'c', clientSecret: () => SECRET },
      origin: 'http://127.0.0.1:9',
    });
    expect(await refused(nowhere.refresh(TOKEN, []))).toBeInstanceOf(ConnectionAway);
  });

  it('stops when nobody waits any more', async () => {
    const gone = new AbortController();
    answer = () => gone.abort(new Error('gone'));
    await expect(client().refresh(TOKEN, [], gone.signal)).rejects.toThrow('gone');
    await expect(client().refresh(TOKEN, [], gone.signal)).rejects.toThrow('gone');
    expect(seen).toHaveLength(1);
  });
});

describe('revoking', () => {
  it.each<[string, RequestListener]>([
    ['is done', json(200, '')],
    ['was done before', json(400, { error: 'invalid_token', error_description: 'Token expired or revoked' })],
  ])('succeeds when it %s', async (_, listener) => {
    answer = listener;
    await client().revoke(TOKEN);
    expect(seen[0]!.path).toBe('/revoke');
    expect(seen[0]!.form.get('token')).toBe(TOKEN);
  });

  it('fails while the vendor is away', async () => {
    answer = json(503, '');
    expect(await refused(client().revoke(TOKEN))).toBeInstanceOf(ConnectionAway);
  });

  it('does nothing where the vendor offers none', async () => {
    const endpoints = () => ({ authorize: origin, token: origin, revoke: null });
    await client({ endpoints }).revoke(TOKEN);
    expect(client({ endpoints }).revokes).toBe(false);
    expect(seen).toEqual([]);
  });
});

describe('scopes', () => {
  it.each<[string[], string[], string[]]>([
    [['files'], ['files', 'openid'], []],
    [['https://v.example/auth/drive.file'], ['https://v.example/auth/drive.file'], []],
    [['Files.ReadWrite'], ['https://graph.example/files.readwrite'], []],
    [['https://v.example/auth/drive.file'], ['openid', 'email'], ['https://v.example/auth/drive.file']],
    [['https://v.example/auth/drive.file'], ['https://v.example/auth/drive'], ['https://v.example/auth/drive.file']],
    [['a', 'b'], [], ['a', 'b']],
  ])('of %j, with %j granted, lack %j', (wanted, granted, missing) => {
    expect(missingScopes(wanted, granted)).toEqual(missing);
  });
});
