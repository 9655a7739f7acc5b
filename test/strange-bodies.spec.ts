import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Problem, User } from '#contracts';
import { type Route, RouteTable } from '../src/access/index.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { call, PASSWORD, signIn } from './support/people.js';

let gateway: TestGateway;
let token: string;
let takers: readonly Route[];
beforeAll(async () => {
  gateway = await startGateway();
  token = await signIn(gateway);
  takers = gateway.app.get(RouteTable).routes.filter(({ body }) => body !== undefined);
});
afterAll(() => gateway?.stop());

const addressOf = ({ path }: Route) =>
  path.replace(/[{}]/g, '').replace(':provider', 'local').replace(/:\w+/g, randomUUID()).replace(/\*\w+/g, 'some/path');
const send = (route: Route, body: unknown) =>
  call(gateway, addressOf(route), { method: route.method, token, body, headers: { 'X-Forwarded-For': '192.0.2.1' } });

const PAYLOADS: readonly [string, string][] = [
  ['nothing', ''],
  ['null', 'null'],
  ['true', 'true'],
  ['a number', '0'],
  ['a text', '"{}"'],
  ['a list', '[]'],
  ['a list of an object', '[{}]'],
  ['half an object', '{"a"'],
  ['two objects', '{}{}'],
  ['a comment', '{}//'],
  ['a number that is none', '{"a":NaN}'],
  ['__proto__', '{"__proto__":{"roles":["admin"]}}'],
  ['constructor', '{"constructor":{"prototype":{"roles":["admin"]}}}'],
  ['depth', '{"a":'.repeat(5000) + '1' + '}'.repeat(5000)],
  ['many names', JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`name${index}`, 1])))],
  ['a long name', JSON.stringify({ ['x'.repeat(100_000)]: 1 })],
  ['a name with line breaks', JSON.stringify({ 'x\r\nSet-Cookie: a=b': 1 })],
  ['NUL in a name', JSON.stringify({ 'x\0': 1 })],
];

describe('every call that takes JSON', () => {
  it.each(PAYLOADS)('refuses %s as bad input', async (_, body) => {
    for (const route of takers) {
      const answer = await send(route, body);
      expect([400, 413, 422], `${route.method} ${route.path}: ${answer.text.slice(0, 200)}`).toContain(answer.status);
      expect(answer.text.length).toBeLessThan(10_000);
    }
    expect(({} as { roles?: unknown }).roles).toBeUndefined();
  });

  it('refuses a field that it does not know, and names it', async () => {
    for (const route of takers) {
      // A page to sign in at is asked of few providers, and what they do not know of its form they pass over.
      if (route.path === '/api/cloud/login/:provider') continue;
      // Further fields are those of the provider's form, which is looked at after the label.
      const known = route.path.includes(':provider') ? { label: 'mine', path: '/' } : {};
      const answer = await send(route, { ...known, isAdmin: true });
      expect([answer.status, answer.json<Problem>().type], `${route.method} ${route.path}`).toEqual([
        422,
        'validation',
      ]);
      expect(answer.json<Problem>().errors!.map(({ field }) => field)).toContain('isAdmin');
    }
  });

  it('refuses more than a megabyte, and says so before it has all of it', async () => {
    for (const route of takers) {
      const answer = await send(route, JSON.stringify({ a: 'x'.repeat(3 * 1024 * 1024) }));
      expect([answer.status, answer.json<Problem>().type], `${route.method} ${route.path}`).toEqual([413, 'too-large']);
    }
  });
});

describe('a value of the wrong kind', () => {
  const user = (change: object) => ({
    email: `${randomUUID()}@example.org`,
    password: PASSWORD,
    roles: ['user'],
    ...change,
  });

  it.each<[string, object, string]>([
    ['an address in a list', { email: ['a@example.org'] }, 'email'],
    ['an address in an object', { email: { $ne: '' } }, 'email'],
    ['a number for an address', { email: 7 }, 'email'],
    ['no address', { email: 'nobody' }, 'email'],
    ['an address with a line break', { email: 'a@example.org\nBcc: b' }, 'email'],
    ['an address with NUL', { email: 'a\0@example.org' }, 'email'],
    ['a number for a password', { password: 1234567890 }, 'password'],
    ['a huge password', { password: 'x'.repeat(10_000) }, 'password'],
    ['a role without a list', { roles: 'admin' }, 'roles'],
    ['a role that there is not', { roles: ['root'] }, 'roles.0'],
    ['a role twice', { roles: ['user', 'user'] }, 'roles'],
    ['a quota in words', { quotaBytes: '1000' }, 'quotaBytes'],
    ['a quota below nothing', { quotaBytes: -1 }, 'quotaBytes'],
    ['half a byte', { quotaBytes: 0.5 }, 'quotaBytes'],
    ['a quota beyond numbers', { quotaBytes: 2 ** 60 }, 'quotaBytes'],
    ['an id of one’s own', { id: randomUUID() }, 'id'],
    ['a hash of one’s own', { passwordHash: '$argon2id$' }, 'passwordHash'],
    ['a column of the table', { credential_version: 7 }, 'credential_version'],
  ])('is refused and named: %s', async (_, change, field) => {
    const answer = await call(gateway, '/api/admin/users', { token, body: user(change) });
    expect(answer.status, answer.text).toBe(422);
    expect(answer.json<Problem>().errors!.map((error) => error.field)).toContain(field);
  });

  it.each(['disabled', 'roles', 'quotaBytes', 'resetPassword'])('is refused in a change, too: %s', async (field) => {
    const made = await call(gateway, '/api/admin/users', { token, body: user({}) });
    const path = `/api/admin/users/${made.json<User>().id}`;
    for (const value of ['true', 0.5, [[]], { a: 1 }, field === 'quotaBytes' ? true : null]) {
      const answer = await call(gateway, path, { method: 'PATCH', token, body: { [field]: value } });
      expect(answer.status, `${JSON.stringify(value)}: ${answer.text}`).toBe(422);
    }
    const { updatedAt: _, ...before } = made.json<User>();
    expect((await call(gateway, path, { token })).json()).toMatchObject(before);
  });

  it.each([
    ['limit=0', 422],
    ['limit=-1', 422],
    ['limit=1001', 422],
    ['limit=ten', 422],
    ['limit=1&limit=2', 422],
    ['limit[]=1', 200],
    ['search[$ne]=1', 200],
    ['search=%00', 422],
    ['search=%ff', 200],
    [`search=${encodeURIComponent("' or 1=1; drop table accounts; --")}`, 200],
    ['cursor=%00', 422],
    ['cursor=AAAA', 200],
    [`cursor=${encodeURIComponent("';--")}`, 200],
    ['__proto__=1', 200],
  ])('in a query is refused or means nothing: %s', async (query, status) => {
    expect((await call(gateway, `/api/admin/users?${query}`, { token })).status).toBe(status);
  });

  it.each(['action=%00', 'actor=me', 'from=yesterday', 'to=2026-01-01', 'order=sideways', 'limit=1e3x'])(
    'in a query of the record is refused: %s',
    async (query) => {
      expect((await call(gateway, `/api/admin/audit?${query}`, { token })).status).toBe(422);
    },
  );

  it.each(['nonsense', '1', '%00', `${randomUUID()}%20`, '..%2f..'])('in an address names nothing: %s', async (id) => {
    expect((await call(gateway, `/api/admin/users/${id}`, { token })).status).toBe(404);
  });
});
