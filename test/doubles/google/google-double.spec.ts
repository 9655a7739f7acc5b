import { createHash, randomBytes } from 'node:crypto';
import { CodeChallengeMethod, OAuth2Client } from 'google-auth-library';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { driveFile, type GoogleDouble, startGoogle } from './index.js';

const redirect = 'http://localhost:8080/api/cloud/oauth/callback/google-drive';
let google: GoogleDouble;
let time = 1_000_000;

beforeEach(async () => {
  google = await startGoogle({ now: () => time, ways: { redirectAddresses: [redirect] } });
});

afterEach(() => google.stop());

/** Google's own library, pointed at the double. */
function client(): OAuth2Client {
  const { clientId, clientSecret, origin } = google;
  return new OAuth2Client({
    clientId,
    clientSecret,
    redirectUri: redirect,
    endpoints: {
      oauth2AuthBaseUrl: `${origin}/o/oauth2/v2/auth`,
      oauth2TokenUrl: `${origin}/token`,
      oauth2RevokeUrl: `${origin}/revoke`,
      tokenInfoUrl: `${origin}/tokeninfo`,
    },
    transporterOptions: { retry: false, retryConfig: { retry: 0 } },
  });
}

function pkce(): { verifier: string; challenge: string } {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

function address(oauth: OAuth2Client, challenge: string, more: object = {}): string {
  return oauth.generateAuthUrl({
    access_type: 'offline',
    prompt: 'consent',
    scope: [driveFile, 'openid'],
    state: 'a state',
    code_challenge: challenge,
    code_challenge_method: CodeChallengeMethod.S256,
    ...more,
  });
}

async function codeOf(oauth: OAuth2Client, challenge: string, more: object = {}): Promise<string> {
  const back = await google.consent(address(oauth, challenge, more), { decision: 'allow' });
  return back.searchParams.get('code') ?? '';
}

const post = (path: string, form: Record<string, string>): Promise<Response> =>
  fetch(google.origin + path, { method: 'POST', body: new URLSearchParams(form) });

describe('the consent page of the double', () => {
  it('sends the browser back with code, state and what was granted', async () => {
    const { verifier, challenge } = pkce();
    const oauth = client();
    const back = await google.consent(address(oauth, challenge), { decision: 'allow', untick: ['openid'] });
    expect(back.href.startsWith(redirect)).toBe(true);
    expect(back.searchParams.get('state')).toBe('a state');
    expect(back.searchParams.get('scope')).toBe(driveFile);
    const code = back.searchParams.get('code')!;
    expect(code.startsWith('4/0A')).toBe(true);
    const { tokens } = await oauth.getToken({ code, codeVerifier: verifier });
    expect(tokens).toMatchObject({ scope: driveFile, token_type: 'Bearer' });
    expect(tokens.refresh_token).toMatch(/^1\/\//);
  });

  it('says so when the user refuses', async () => {
    const back = await google.consent(address(client(), pkce().challenge), { decision: 'deny' });
    expect(Object.fromEntries(back.searchParams)).toEqual({ error: 'access_denied', state: 'a state' });
  });

  it.each([
    ['a foreign client', { client_id: 'somebody-else' }, 401],
    ['a redirect that is not registered', { redirect_uri: `${redirect}/` }, 400],
    ['no scope', { scope: '' }, 400],
    ['a challenge of no use', { code_challenge: 'short' }, 400],
  ])('shows a page and sends nobody anywhere for %s', async (_, more, status) => {
    const page = await fetch(address(client(), pkce().challenge, more), { redirect: 'manual' });
    expect(page.status).toBe(status);
    expect(page.headers.get('location')).toBeNull();
  });
});

describe('the token endpoint of the double', () => {
  const exchange = (code: string, verifier: string, more: Record<string, string> = {}): Promise<Response> =>
    post('/token', {
      grant_type: 'authorization_code',
      code,
      client_id: google.clientId,
      client_secret: google.clientSecret,
      redirect_uri: redirect,
      code_verifier: verifier,
      ...more,
    });

  it.each([
    ['another verifier', { code_verifier: 'x'.repeat(43) }, 400, 'invalid_grant'],
    ['another redirect', { redirect_uri: 'http://localhost/' }, 400, 'redirect_uri_mismatch'],
    ['a wrong secret', { client_secret: 'wrong' }, 401, 'invalid_client'],
    ['an unknown code', { code: '4/0Aunknown' }, 400, 'invalid_grant'],
  ])('refuses %s', async (_, more, status, error) => {
    const { verifier, challenge } = pkce();
    const answer = await exchange(await codeOf(client(), challenge), verifier, more);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ error });
  });

  it('takes a code once, and takes back what it gave when it comes again', async () => {
    const { verifier, challenge } = pkce();
    const code = await codeOf(client(), challenge);
    const given = (await (await exchange(code, verifier)).json()) as { access_token: string };
    expect((await exchange(code, verifier)).status).toBe(400);
    const about = await fetch(`${google.origin}/drive/v3/about?fields=user`, {
      headers: { authorization: `Bearer ${given.access_token}` },
    });
    expect(about.status).toBe(401);
  });

  it('lets a code lapse after ten minutes, and takes no JSON', async () => {
    const { verifier, challenge } = pkce();
    const code = await codeOf(client(), challenge);
    time += 10 * 60_000;
    expect((await exchange(code, verifier)).status).toBe(400);
    const answer = await fetch(`${google.origin}/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(answer.status).toBe(400);
  });

  it('gives a refresh token for offline access only, at the first consent or when asked anew', async () => {
    const oauth = client();
    const tokensFor = async (more: object): Promise<string | null | undefined> => {
      const { verifier, challenge } = pkce();
      const code = await codeOf(oauth, challenge, more);
      return (await oauth.getToken({ code, codeVerifier: verifier })).tokens.refresh_token;
    };
    expect(await tokensFor({ access_type: 'online' })).toBeUndefined();
    expect(await tokensFor({ prompt: undefined })).toBeUndefined();
    expect(await tokensFor({})).toBeDefined();
    google.withdraw();
    expect(await tokensFor({ prompt: undefined })).toBeDefined();
  });

  it('refreshes without rotating, unless told to', async () => {
    const { refreshToken } = google.grant();
    const refresh = async (): Promise<{ access_token?: string; refresh_token?: string; error?: string }> => {
      const form = { grant_type: 'refresh_token', refresh_token: refreshToken };
      const answer = await post('/token', { ...form, client_id: google.clientId, client_secret: google.clientSecret });
      return (await answer.json()) as object;
    };
    expect(await refresh()).not.toHaveProperty('refresh_token');
    google.ways.rotatesRefreshTokens = true;
    expect(await refresh()).toHaveProperty('refresh_token');
    expect(await refresh()).toMatchObject({ error: 'invalid_grant' });
  });

  it('lets the tokens of a project in testing lapse, and says so', async () => {
    google.ways.refreshTokenSeconds = 604_799;
    const { verifier, challenge } = pkce();
    const given = (await (await exchange(await codeOf(client(), challenge), verifier)).json()) as {
      refresh_token: string;
      refresh_token_expires_in: number;
    };
    expect(given.refresh_token_expires_in).toBe(604_799);
    time += 604_800_000;
    const form = { grant_type: 'refresh_token', refresh_token: given.refresh_token };
    const answer = await post('/token', { ...form, client_id: google.clientId, client_secret: google.clientSecret });
    expect(await answer.json()).toMatchObject({ error: 'invalid_grant' });
  });

  it('drops the oldest of too many refresh tokens', async () => {
    google.ways.mostRefreshTokens = 2;
    const [oldest, newest] = [google.grant(), google.grant(), google.grant()].filter((_, index) => index !== 1);
    const statusOf = async (token: string): Promise<number> =>
      (
        await post('/token', {
          grant_type: 'refresh_token',
          refresh_token: token,
          client_id: google.clientId,
          client_secret: google.clientSecret,
        })
      ).status;
    expect([await statusOf(oldest!.refreshToken), await statusOf(newest!.refreshToken)]).toEqual([400, 200]);
  });
});

describe('revocation at the double', () => {
  it.each([
    ['a form', (token: string) => post('/revoke', { token })],
    [
      'the query',
      (token: string) => fetch(`${google.origin}/revoke?token=${encodeURIComponent(token)}`, { method: 'POST' }),
    ],
  ])('works by %s, and the second time says that the token is dead', async (_, revoke) => {
    const { accessToken, refreshToken } = google.grant();
    expect((await revoke(accessToken)).status).toBe(200);
    const again = await revoke(refreshToken);
    expect(again.status).toBe(400);
    expect(await again.json()).toMatchObject({ error: 'invalid_token' });
  });
});

describe('misdeeds of the double', () => {
  it('happen to the request that the script names, and are counted', async () => {
    google.follow([
      { method: 'POST', about: '/revoke', nth: 2, does: { kind: 'answers', status: 503 } },
      { about: '/token', does: { kind: 'resets' } },
    ]);
    expect((await post('/revoke', { token: 'x' })).status).toBe(400);
    expect((await post('/revoke', { token: 'x' })).status).toBe(503);
    await expect(post('/token', {})).rejects.toThrow();
    expect([...google.misdeeds]).toEqual([
      ['answers', 1],
      ['resets', 1],
    ]);
  });
});
