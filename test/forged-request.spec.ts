import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIRST_ACCOUNT, startGateway, type TestGateway } from './support/gateway.js';
import { call, signIn } from './support/people.js';

let gateway: TestGateway;
let token: string;
beforeAll(async () => {
  gateway = await startGateway();
  token = await signIn(gateway);
});
afterAll(() => gateway?.stop());

const withCookie = (origin?: string): Record<string, string> => ({
  Cookie: `tessera=${token}`,
  ...(origin !== undefined && { Origin: origin }),
});
const makeFolder = (headers: Record<string, string>) =>
  call(gateway, `/api/tree/folder${Math.floor(performance.now() * 1000)}`, { headers, body: { type: 'folder' } });

describe('a request that another site makes the browser send', () => {
  it.each<[string, () => string | undefined, number]>([
    ['without an origin', () => undefined, 403],
    ['from another site', () => 'https://evil.example', 403],
    ['from a hidden frame', () => 'null', 403],
    ['from our host on another port', () => 'http://127.0.0.1:1', 403],
    ['from our own page', () => gateway.url, 201],
  ])('changes something only from our own page: %s', async (_, origin, status) => {
    const answer = await makeFolder(withCookie(origin()));
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.json()['type']).toBe('foreign-origin');
  });

  it('reads with the cookie alone, but lets no other site see it', async () => {
    const answer = await call(gateway, '/api/auth/me', { headers: withCookie('https://evil.example') });
    expect(answer.status).toBe(200);
    const allowing = [...answer.headers.keys()].filter((name) => name.startsWith('access-control-'));
    expect([allowing, answer.headers.get('cross-origin-resource-policy')]).toEqual([[], 'same-origin']);
  });

  it('gets no leave from a preflight', async () => {
    const answer = await call(gateway, '/api/auth/logout', {
      method: 'OPTIONS',
      headers: { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST' },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('allow')).toBe('POST, OPTIONS');
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'cannot sign anybody in as somebody else with a form of %s',
    async (type) => {
      const body = JSON.stringify({ email: FIRST_ACCOUNT.email, password: FIRST_ACCOUNT.password });
      const answer = await call(gateway, '/api/auth/login', {
        method: 'POST',
        body,
        headers: { 'Content-Type': type },
      });
      expect([answer.status, answer.headers.get('set-cookie')]).toEqual([400, null]);
    },
  );

  it('finds a bad token refused, not the cookie in its place', async () => {
    const headers = { ...withCookie(gateway.url), Authorization: `Bearer ${'A'.repeat(43)}` };
    expect((await makeFolder(headers)).status).toBe(401);
  });
});

describe('every answer', () => {
  it.each([
    '/api/auth/me',
    '/api/health/live',
    '/api/docs',
    '/setup',
    '/api/nothing',
    '/nothing',
    '/%ff',
    '/api/content/%',
  ])('gives a browser no ideas: %s', async (path) => {
    const { headers } = await call(gateway, path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none';.*frame-ancestors 'none'/);
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('x-request-id')).toMatch(/^[\w-]{12}$/);
    expect([headers.get('x-powered-by'), headers.get('etag'), headers.get('strict-transport-security')]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it.each<[string, string, number, string]>([
    ['GET', '/api/nothing', 404, 'not-found'],
    ['GET', '/nothing', 404, 'not-found'],
    ['POST', '/api/auth/me', 405, 'method-not-allowed'],
    ['DELETE', '/api/auth/login', 405, 'method-not-allowed'],
    ['GET', '/api/%ff', 404, 'not-found'],
    ['GET', '/api/tree/%ff', 400, 'bad-request'],
    ['GET', '/api/auth/me', 401, 'unauthorized'],
  ])('that is no success is a problem: %s %s', async (method, path, status, type) => {
    const answer = await call(gateway, path, { method });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
    expect(answer.json()).toMatchObject({ type, status, requestId: answer.headers.get('x-request-id') });
    expect(answer.text).not.toMatch(/node_modules|\.ts\b|\n\s+at /);
  });

  it('to HEAD has the headers and no body', async () => {
    const answer = await call(gateway, '/api/health/live', { method: 'HEAD' });
    expect([answer.status, answer.text, answer.headers.get('content-length')]).toEqual([200, '', '18']);
  });

  it('over TLS keeps browsers on TLS, and the cookie to this very host', async () => {
    const secure = await startGateway({ environment: { TESSERA_PUBLIC_URL: 'https://tessera.example.org' } });
    try {
      const { headers, status } = await call(secure, '/api/auth/login', { body: { ...FIRST_ACCOUNT } });
      expect([status, headers.get('strict-transport-security')]).toEqual([200, 'max-age=31536000']);
      expect(headers.get('set-cookie')).toMatch(
        /^__Host-tessera=[\w-]{43}; Path=\/; Expires=.*; HttpOnly; Secure; SameSite=Lax$/,
      );
    } finally {
      await secure.stop();
    }
  });
});
