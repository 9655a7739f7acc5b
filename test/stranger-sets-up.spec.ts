import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FirstAccount, welcomeText } from '../src/accounts/index.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { call, PASSWORD, signIn } from './support/people.js';

let gateway: TestGateway;
let token: string;
beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_ADMIN_EMAIL: '', TESSERA_ADMIN_PASSWORD: '' } });
  const { welcome } = gateway.app.get(FirstAccount);
  token = welcome.kind === 'link' ? welcome.token : '';
});
afterAll(() => gateway?.stop());

const setUp = (body: object) => call(gateway, '/api/auth/setup', { body });
const email = 'owner@example.org';

describe('a gateway without an account', () => {
  it('tells whoever started it a link, and the same for a shell', () => {
    const text = welcomeText(gateway.app.get(FirstAccount).welcome, gateway.url);
    expect(text).toContain(`${gateway.url}/setup#token=${token}`);
    expect(text).toContain(`curl ${gateway.url}/api/auth/setup`);
  });

  it('serves a page that keeps the token out of every log', async () => {
    const page = await call(gateway, '/setup');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers.get('content-security-policy')).toMatch(/script-src 'sha256-[\w+/=]+'; connect-src 'self'/);
    expect(page.text).toContain('location.hash');
    expect(page.text).not.toContain(token);
  });

  it.each<[string, () => object, number, string]>([
    ['without the token', () => ({ email, password: PASSWORD }), 422, 'validation'],
    ['with a made-up token', () => ({ token: 'A'.repeat(43), email, password: PASSWORD }), 422, 'link-used'],
    ['with half of the token', () => ({ token: token.slice(0, 20), email, password: PASSWORD }), 422, 'link-used'],
    ['with a weak password', () => ({ token, email, password: 'password' }), 422, 'weak-password'],
    ['without an address', () => ({ token, password: PASSWORD }), 422, 'validation'],
    ['with roles of one’s own', () => ({ token, email, password: PASSWORD, roles: ['auditor'] }), 422, 'validation'],
  ])('is not set up %s', async (_, body, status, type) => {
    const answer = await setUp(body());
    expect([answer.status, answer.json()['type']]).toEqual([status, type]);
  });

  it('is set up once, by one of all who hold the link', async () => {
    const answers = await Promise.all(
      [email, 'other@example.org'].map((address) => setUp({ token, email: address, password: PASSWORD })),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 422]);
    const account = answers.find(({ status }) => status === 201)!.json<{ email: string }>();
    expect(account).toMatchObject({ roles: ['admin', 'user'] });
    expect(await signIn(gateway, { email: account.email, password: PASSWORD })).toBeTruthy();
    expect((await setUp({ token, email: 'late@example.org', password: PASSWORD })).status).toBe(422);
  });
});
