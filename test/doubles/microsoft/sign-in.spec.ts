import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type MicrosoftDouble, startMicrosoftDouble } from './index.js';

const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const redirectUri = 'http://localhost:8080/callback';
interface Answer {
  readonly scope?: string;
  readonly refresh_token?: string;
}

const ninetyDaysMs = 90 * 24 * 3_600_000;

describe('The stand-in for Microsoft’s sign-in', () => {
  let double: MicrosoftDouble;
  beforeAll(async () => void (double = await startMicrosoftDouble()));
  afterAll(() => double.stop());
  beforeEach(() => double.script());

  const authorizeUrl = (changes: Record<string, string> = {}) => {
    const parameters = {
      client_id: double.clientId,
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: 'offline_access Files.ReadWrite.AppFolder',
      state: 'the-state',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      ...changes,
    };
    return `${double.origin}/common/oauth2/v2.0/authorize?${new URLSearchParams(parameters).toString()}`;
  };
  const ask = async (form: Record<string, string>) => {
    const sent = { client_id: double.clientId, client_secret: double.clientSecret, ...form };
    const answer = await fetch(`${double.origin}/common/oauth2/v2.0/token`, {
      method: 'POST',
      body: new URLSearchParams(sent),
    });
    return { status: answer.status, ...((await answer.json()) as Answer) };
  };
  const code = async (url = authorizeUrl()) => new URL(await double.consent(url)).searchParams.get('code') ?? '';
  const redeem = (given: string, changes: Record<string, string> = {}) =>
    ask({
      grant_type: 'authorization_code',
      code: given,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      ...changes,
    });
  const refresh = (token: string) => ask({ grant_type: 'refresh_token', refresh_token: token });

  it('shows a page with the accounts, what is asked for, and two buttons', async () => {
    const html = await (await fetch(authorizeUrl())).text();
    for (const words of ['ada@example.com', 'Files.ReadWrite.AppFolder', 'value="allow"', 'value="deny"']) {
      expect(html).toContain(words);
    }
  });

  it('sends back a code with the state, and exchanges it once', async () => {
    const back = new URL(await double.consent(authorizeUrl()));
    expect(back.origin + back.pathname).toBe(redirectUri);
    expect(back.searchParams.get('state')).toBe('the-state');
    const given = back.searchParams.get('code') ?? '';
    expect(await redeem(given)).toMatchObject({
      status: 200,
      scope: 'Files.ReadWrite.AppFolder',
      access_token: expect.stringMatching(/^EwB/),
      refresh_token: expect.stringMatching(/^M\./),
    });
    expect(await redeem(given)).toMatchObject({ status: 400, error: 'invalid_grant', error_codes: [54_005] });
  });

  it('sends back a refusal', async () => {
    const back = new URL(await double.consent(authorizeUrl(), { answer: 'deny' }));
    expect(Object.fromEntries(back.searchParams)).toMatchObject({ error: 'access_denied', state: 'the-state' });
  });

  it.each([
    ['another verifier', { code_verifier: 'a'.repeat(43) }, 'invalid_grant', 501_481],
    ['another address', { redirect_uri: 'http://localhost:1/' }, 'invalid_grant', 500_112],
    ['a wrong secret', { client_secret: 'wrong' }, 'invalid_client', 7_000_215],
    ['another application', { client_id: 'other' }, 'unauthorized_client', 700_016],
  ])('refuses %s', async (_, changes, error, number) => {
    expect(await redeem(await code(), changes)).toMatchObject({ error, error_codes: [number] });
  });

  it.each([
    ['an application that it does not know', { client_id: 'other' }],
    ['an address where answers may not go', { redirect_uri: 'http://example.com/' }],
  ])('tells the person, and nobody else, about %s', async (_, changes) => {
    await expect(double.consent(authorizeUrl(changes))).rejects.toThrow('AADSTS');
  });

  it('gives a new refresh token for each, and the old one stays good', async () => {
    const first = await redeem(await code());
    const second = await refresh(first.refresh_token!);
    expect(second).toMatchObject({ status: 200 });
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(await refresh(first.refresh_token!)).toMatchObject({ status: 200 });
  });

  it('lets the old one die when it is told to', async () => {
    double.ways.signIn.rotation = 'old dies';
    const first = await redeem(await code());
    expect(await refresh(first.refresh_token!)).toMatchObject({ status: 200 });
    expect(await refresh(first.refresh_token!)).toMatchObject({ error: 'invalid_grant' });
    double.ways.signIn.rotation = 'old stays valid';
  });

  it('ends a grant that was revoked, one whose consent is gone, and one that idled', async () => {
    const revoked = await redeem(await code());
    double.accounts.revoke('ada@example.com');
    expect(await refresh(revoked.refresh_token!)).toMatchObject({ error: 'invalid_grant', error_codes: [50_173] });
    double.advance(1000);
    const withdrawn = await redeem(await code());
    double.accounts.withdrawConsent('ada@example.com');
    expect(await refresh(withdrawn.refresh_token!)).toMatchObject({ error_codes: [65_001] });
    const idle = await redeem(await code());
    double.advance(ninetyDaysMs + 1);
    expect(await refresh(idle.refresh_token!)).toMatchObject({ error_codes: [700_082] });
  });

  it('lets a code live for ten minutes', async () => {
    const given = await code();
    double.advance(10 * 60_000 + 1);
    expect(await redeem(given)).toMatchObject({ error: 'invalid_grant', error_codes: [70_008] });
  });

  it('knows what was consented to before, and grants less where it is told to', async () => {
    await redeem(await code(authorizeUrl({ scope: 'Files.ReadWrite offline_access' })));
    expect((await redeem(await code())).scope?.split(' ').sort()).toEqual([
      'Files.ReadWrite',
      'Files.ReadWrite.AppFolder',
    ]);
    const back = await double.consent(authorizeUrl(), { user: 'grace@firm.example', scopes: ['User.Read'] });
    expect((await redeem(new URL(back).searchParams.get('code')!)).scope).toBe('User.Read');
  });

  it('follows the script', async () => {
    double.script(
      { about: '/token', nth: 1, does: { kind: 'resets' } },
      { about: '/token', nth: 2, does: { kind: 'answers', status: 503, headers: { 'Retry-After': '7' } } },
      { about: '/token', nth: 3, does: { kind: 'resets-after' } },
    );
    const given = await code();
    await expect(redeem(given)).rejects.toThrow();
    expect(await redeem(given)).toMatchObject({ status: 503 });
    await expect(redeem(given)).rejects.toThrow();
    expect(await redeem(given)).toMatchObject({ error_codes: [54_005] });
  });
});
