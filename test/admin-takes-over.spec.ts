import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { User } from '#contracts';
import { startGateway, type TestGateway } from './support/gateway.js';
import { type Answer, call, PASSWORD, signIn } from './support/people.js';

let gateway: TestGateway;
let admin: string;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await signIn(gateway);
});
afterAll(() => gateway?.stop());

const told = (answer: Answer) => [answer.status, answer.status < 400 ? 'done' : answer.json()['type']];
const basic = (email: string) => ({ Authorization: `Basic ${Buffer.from(`${email}:${PASSWORD}`).toString('base64')}` });

async function make(password?: string): Promise<User> {
  const body = { email: `${randomUUID()}@example.org`, roles: ['user'], ...(password !== undefined && { password }) };
  return (await call(gateway, '/api/admin/users', { token: admin, body })).json<User>();
}

const reset = (id: string, more = {}) =>
  call(gateway, `/api/admin/users/${id}`, { method: 'PATCH', token: admin, body: { resetPassword: true, ...more } });

function use(link: string, password = 'what only the admin knows'): Promise<Answer> {
  return call(gateway, '/api/auth/setup', { body: { token: new URL(link).hash.replace('#token=', ''), password } });
}

const FIRST_USES: [string, (email: string) => Promise<unknown>][] = [
  ['a sign-in', (email) => signIn(gateway, { email, password: PASSWORD })],
  ['a call with Basic', (email) => call(gateway, '/api/tree', { headers: basic(email) })],
];

describe.each(FIRST_USES)('after %s', (_, firstUse) => {
  it('an admin cannot offer the account a new password, nor change anything in the same breath', async () => {
    const user = await make(PASSWORD);
    await firstUse(user.email);
    const answer = await reset(user.id, { roles: ['admin'] });
    expect([told(answer), answer.text.includes('only its owner')]).toEqual([[409, 'conflict'], true]);
    const now = await call(gateway, `/api/admin/users/${user.id}`, { token: admin });
    expect(now.json<User>().roles).toEqual(['user']);
  });

  it('a link that an admin was shown before is worth nothing', async () => {
    const user = await make(PASSWORD);
    const offered = (await reset(user.id)).json<User>();
    await firstUse(user.email);
    expect(told(await use(offered.setPasswordLink!.url))).toEqual([422, 'link-used']);
    expect(await signIn(gateway, { email: user.email, password: PASSWORD })).toBeTypeOf('string');
  });
});

it('before anybody signed in, a lost link is replaced by a new one', async () => {
  const user = await make();
  const offered = (await reset(user.id)).json<User>();
  expect(told(await use(user.setPasswordLink!.url))).toEqual([422, 'link-used']);
  expect(told(await use(offered.setPasswordLink!.url, PASSWORD))).toEqual([200, 'done']);
});

it('an admin’s session alone does not set the admin’s own password either: it may be a stolen one', async () => {
  const me = (await call(gateway, '/api/auth/me', { token: admin })).json<{ id: string }>();
  expect(told(await reset(me.id))).toEqual([409, 'conflict']);
});
