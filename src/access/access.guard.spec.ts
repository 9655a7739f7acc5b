import { type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Role } from '#contracts';
import { type BasicSignIn, type Identity, type Sessions, SignInRefused } from '../accounts/index.js';
import { readConfig } from '../config/index.js';
import { ACCESS, type AccessRule } from './access.js';
import { AccessGuard } from './access.guard.js';

const OURS = 'https://tessera.example.org';
const SCRAPE_TOKEN = 'a token for scraping';
const config = readConfig({ TESSERA_PUBLIC_URL: OURS, TESSERA_METRICS_TOKEN: SCRAPE_TOKEN });
const identity = (...roles: Role[]): Identity => ({ accountId: 'id', email: 'ann@example.org', roles, sessionId: 's' });

const sessions = {
  find: async (token: string) =>
    ({ user: identity('user'), admin: identity('admin'), both: identity('admin', 'user'), none: identity() })[token] ??
    null,
} as unknown as Sessions;
const basic = {
  signIn: async (email: string, password: string) => {
    if (email === 'ann@example.org' && password === 'app:password') return identity('user');
    throw new SignInRefused();
  },
} as unknown as BasicSignIn;

let guard: AccessGuard;
beforeEach(() => (guard = new AccessGuard(new Reflector(), sessions, basic, config)));

async function asked(rule: AccessRule | undefined, headers: Record<string, string>, method = 'GET'): Promise<string> {
  const handler = () => {};
  if (rule !== undefined) Reflect.defineMetadata(ACCESS, rule, handler);
  const request = { headers, method, ip: '192.0.2.1' };
  const context = {
    getHandler: () => handler,
    switchToHttp: () => ({ getRequest: () => request, getResponse: () => ({}) }),
  };
  try {
    await guard.canActivate(context as unknown as ExecutionContext);
    return 'in';
  } catch (error) {
    return (error as Error).name;
  }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const cookie = (token: string) => ({ cookie: `other=1; __Host-tessera=${token}; more=2` });
const basicAuth = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
const USER: AccessRule = { roles: ['user'] };
const USER_BASIC: AccessRule = { roles: ['user'], basic: true };

describe('the guard before every route', () => {
  it.each<[string, AccessRule | undefined, Record<string, string>, string]>([
    ['an undeclared route to an admin', undefined, bearer('both'), 'NotAllowed'],
    ['a public route to anybody', 'public', {}, 'in'],
    ['a public route to a bad token', 'public', bearer('bad'), 'in'],
    ['a route for accounts to nobody', 'signed-in', {}, 'NotSignedIn'],
    ['a route for accounts to a token', 'signed-in', bearer('none'), 'in'],
    ['a route for accounts to a cookie', 'signed-in', cookie('none'), 'in'],
    ['a route for accounts to a bad token', 'signed-in', bearer('bad'), 'NotSignedIn'],
    [
      'a route for accounts to a bad token beside a good cookie',
      'signed-in',
      { ...bearer('bad'), ...cookie('user') },
      'NotSignedIn',
    ],
    [
      'a route for accounts to an odd scheme beside a good cookie',
      'signed-in',
      { authorization: 'Digest x', ...cookie('user') },
      'NotSignedIn',
    ],
    [
      'a route for accounts to a cookie by the name it has without TLS',
      'signed-in',
      { cookie: 'tessera=user' },
      'NotSignedIn',
    ],
    ['a route for users to an admin', USER, bearer('admin'), 'NotAllowed'],
    ['a route for users to a user', USER, bearer('user'), 'in'],
    ['a route for users to an admin who is one', USER, bearer('both'), 'in'],
    ['a route for users to an account without roles', USER, bearer('none'), 'NotAllowed'],
    ['a route without Basic to Basic', USER, basicAuth('ann@example.org:app:password'), 'NotSignedIn'],
    ['a route with Basic to Basic', USER_BASIC, basicAuth('ann@example.org:app:password'), 'in'],
    ['a route with Basic to a wrong password', USER_BASIC, basicAuth('ann@example.org:wrong'), 'SignInRefused'],
    ['a route with Basic to no colon', USER_BASIC, basicAuth('ann@example.org'), 'NotSignedIn'],
    [
      'a route with Basic to a huge password',
      USER_BASIC,
      basicAuth(`ann@example.org:${'x'.repeat(600)}`),
      'NotSignedIn',
    ],
    ['the metrics to a user', 'scrape', bearer('user'), 'NotAllowed'],
    ['the metrics to an admin', 'scrape', bearer('admin'), 'in'],
    [
      'the metrics to the scrape token',
      'scrape',
      { authorization: `Bearer ${SCRAPE_TOKEN.replaceAll(' ', '-')}` },
      'NotSignedIn',
    ],
    ['a route for accounts to the scrape token', 'signed-in', bearer(SCRAPE_TOKEN), 'NotSignedIn'],
  ])('answers %s', async (_, rule, headers, outcome) => {
    expect(await asked(rule, headers)).toBe(outcome);
  });

  it('takes the scrape token for the metrics', async () => {
    const token = 'scrape-0123456789abcdef';
    guard = new AccessGuard(new Reflector(), sessions, basic, readConfig({ TESSERA_METRICS_TOKEN: token }));
    expect(await asked('scrape', bearer(token))).toBe('in');
    expect(await asked('scrape', bearer(token.slice(0, -1)))).toBe('NotSignedIn');
  });

  it.each<[string, string, Record<string, string>, string]>([
    ['a cookie without an origin', 'POST', cookie('user'), 'ForeignOrigin'],
    ['a cookie from another origin', 'POST', { ...cookie('user'), origin: 'https://evil.example' }, 'ForeignOrigin'],
    ['a cookie from ours on another port', 'POST', { ...cookie('user'), origin: `${OURS}:8443` }, 'ForeignOrigin'],
    [
      'a cookie from ours without TLS',
      'POST',
      { ...cookie('user'), origin: 'http://tessera.example.org' },
      'ForeignOrigin',
    ],
    ['a cookie from a longer name', 'POST', { ...cookie('user'), origin: `${OURS}.evil.example` }, 'ForeignOrigin'],
    ['a cookie from nowhere', 'POST', { ...cookie('user'), origin: 'null' }, 'ForeignOrigin'],
    ['a cookie from ours', 'POST', { ...cookie('user'), origin: OURS }, 'in'],
    ['a deletion by a cookie without an origin', 'DELETE', cookie('user'), 'ForeignOrigin'],
    ['an odd method by a cookie without an origin', 'PROPFIND', cookie('user'), 'ForeignOrigin'],
    ['a look by a cookie from another origin', 'GET', { ...cookie('user'), origin: 'https://evil.example' }, 'in'],
    ['a token from another origin', 'POST', { ...bearer('user'), origin: 'https://evil.example' }, 'in'],
    ['Basic without an origin', 'POST', basicAuth('ann@example.org:app:password'), 'in'],
    [
      'Basic from another origin',
      'POST',
      { ...basicAuth('ann@example.org:app:password'), origin: 'https://evil.example' },
      'ForeignOrigin',
    ],
  ])('on an unsafe request answers %s (%s)', async (_, method, headers, outcome) => {
    expect(await asked(USER_BASIC, headers, method)).toBe(outcome);
  });
});
