import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NewAppPassword, SignInAnswer, User } from '#contracts';
import { Database } from '../src/database/index.js';
import { FIRST_ACCOUNT, startGateway, type TestGateway } from './support/gateway.js';
import { call, newPerson, PASSWORD, type Person, signIn } from './support/people.js';

let gateway: TestGateway;
let admin: string;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await signIn(gateway);
});
afterAll(() => gateway?.stop());

const me = async (token: string) => (await call(gateway, '/api/auth/me', { token })).status;
const newUser = () => newPerson(gateway, admin, ['user']);
const basic = ({ email, password }: { email: string; password: string }) => ({
  Authorization: `Basic ${Buffer.from(`${email}:${password}`).toString('base64')}`,
});
const tree = async (headers: Record<string, string>) => (await call(gateway, '/api/tree/', { headers })).status;
const patch = (person: Person, body: object) =>
  call(gateway, `/api/admin/users/${person.id}`, { method: 'PATCH', token: admin, body });

describe('a stolen token', () => {
  it('is worth nothing after its owner has signed out, at once', async () => {
    const user = await newUser();
    expect(await me(user.token)).toBe(200);
    expect((await call(gateway, '/api/auth/logout', { method: 'POST', token: user.token })).status).toBe(204);
    const refused = await call(gateway, '/api/auth/me', { token: user.token });
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="tessera"']);
  });

  it('is worth nothing after the password was changed; the session that changed it and app passwords go on', async () => {
    const user = await newUser();
    const thief = await signIn(gateway, user);
    const { username, password } = (
      await call(gateway, '/api/auth/app-passwords', { token: user.token, body: { label: 'laptop' } })
    ).json<NewAppPassword>();
    const change = { currentPassword: PASSWORD, newPassword: 'another perfectly fine one' };
    expect(await tree(basic(user))).toBe(200);
    expect((await call(gateway, '/api/auth/password', { token: user.token, body: change })).status).toBe(200);
    expect([await me(thief), await me(user.token)]).toEqual([401, 200]);
    expect(await tree(basic({ email: username, password }))).toBe(200);
    expect(await tree(basic(user))).toBe(401);
    expect(await tree(basic({ ...user, password: change.newPassword }))).toBe(200);
  });

  it('does not change the password: that wants the old one', async () => {
    const user = await newUser();
    const change = { currentPassword: 'a guess of the thief', newPassword: 'the password of the thief' };
    const refused = await call(gateway, '/api/auth/password', { token: user.token, body: change });
    expect([refused.status, refused.json()['type']]).toEqual([403, 'wrong-password']);
    expect(await signIn(gateway, user)).toBeTruthy();
  });

  it.each<[string, object, number]>([
    ['its account was disabled', { disabled: true }, 401],
    ['its account lost its roles', { roles: [] }, 403],
  ])('is worth nothing once %s, at once and by every way in', async (_, change, status) => {
    const user = await newUser();
    const headers = { Authorization: `Bearer ${user.token}` };
    const app = (
      await call(gateway, '/api/auth/app-passwords', { token: user.token, body: { label: 'x' } })
    ).json<NewAppPassword>();
    const ways = [headers, basic(user), basic({ email: app.username, password: app.password })];
    expect(await Promise.all(ways.map(tree))).toEqual([200, 200, 200]);
    expect((await patch(user, change)).status).toBe(200);
    expect(await Promise.all(ways.map(tree))).toEqual([status, status, status]);
  });

  it('stays dead when its account is enabled again', async () => {
    const user = await newUser();
    await patch(user, { disabled: true });
    await patch(user, { disabled: false });
    expect(await me(user.token)).toBe(401);
    expect(await me(await signIn(gateway, user))).toBe(200);
  });

  it.each([
    ['its thirty days are over', `expires_at = now()`],
    ['it was not used for a week', `last_seen_at = now() - interval '7 days'`],
    ['its account is disabled, though the session is still there', `disabled_at = now()`],
    ['its account is deleted, though the session is still there', `deleted_at = now()`],
  ])('is worth nothing once %s', async (_, change) => {
    const user = await newUser();
    const [table, column] = change.startsWith('d') ? ['accounts', 'id'] : ['sessions', 'account'];
    await gateway.app.get(Database).query(`update ${table} set ${change} where ${column} = $1`, [user.id]);
    expect(await me(user.token)).toBe(401);
  });

  it('is noticed gone within a second where another gateway revoked it', async () => {
    const user = await newUser();
    expect(await me(user.token)).toBe(200);
    const began = performance.now();
    await gateway.app.get(Database).query('delete from sessions where account = $1', [user.id]);
    await expect.poll(() => me(user.token), { interval: 20 }).toBe(401);
    // And what a busy machine takes to ask again.
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('is not the one that the next sign-in gets: every sign-in makes its own', async () => {
    const user = await newUser();
    const again = await call(gateway, '/api/auth/login', {
      body: { email: user.email, password: PASSWORD },
      headers: { Cookie: `tessera=${user.token}` },
    });
    const { token } = again.json<SignInAnswer>();
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(token).not.toBe(user.token);
    const cookie = again.headers.get('set-cookie');
    expect(cookie).toContain(`tessera=${token};`);
    expect(cookie).toMatch(/; Path=\/;.*HttpOnly; SameSite=Lax/);
  });

  it('is not to be found in the database', async () => {
    const user = await newUser();
    const app = (
      await call(gateway, '/api/auth/app-passwords', { token: user.token, body: { label: 'x' } })
    ).json<NewAppPassword>();
    const database = gateway.app.get(Database);
    for (const secret of [user.token, app.password, PASSWORD, FIRST_ACCOUNT.password]) {
      for (const table of ['sessions', 'app_passwords', 'accounts', 'one_time_links', 'audit_inbox', 'audit_chain']) {
        const rows = await database.query<{ row: string }>(`select ${table}::text as row from ${table}`);
        const hex = Buffer.from(secret).toString('hex');
        expect(rows.filter(({ row }) => row.includes(secret) || row.includes(hex))).toEqual([]);
      }
    }
  });
});

describe('an app password', () => {
  it('opens nothing but what takes Basic, and nothing once revoked', async () => {
    const user = await newUser();
    const made = await call(gateway, '/api/auth/app-passwords', { token: user.token, body: { label: 'script' } });
    const { id, username, password } = made.json<NewAppPassword>();
    expect([made.status, username]).toEqual([201, user.email]);
    const headers = basic({ email: username, password });
    expect(await tree(headers)).toBe(200);
    expect((await call(gateway, '/api/auth/app-passwords', { headers })).status).toBe(401);
    expect((await call(gateway, '/api/auth/login', { body: { email: username, password } })).status).toBe(401);
    const remove = () => call(gateway, `/api/auth/app-passwords/${id}`, { method: 'DELETE', token: user.token });
    expect((await remove()).status).toBe(204);
    expect(await tree(headers)).toBe(401);
    expect((await remove()).status).toBe(404);
  });

  it('is shown once; later only its label and when it was used', async () => {
    const user = await newUser();
    const made = await call(gateway, '/api/auth/app-passwords', { token: user.token, body: { label: ' phone ' } });
    const { id, password } = made.json<NewAppPassword>();
    await tree(basic({ email: user.email, password }));
    const list = () => call(gateway, '/api/auth/app-passwords', { token: user.token });
    await expect
      .poll(async () => (await list()).json<{ items: { lastUsedAt: string | null }[] }>().items[0]!.lastUsedAt)
      .not.toBeNull();
    const answer = await list();
    expect(answer.text).not.toContain(password);
    expect(answer.json()).toMatchObject({ items: [{ id, label: 'phone' }] });
  });

  it('of somebody else is not there', async () => {
    const [ann, bob] = [await newUser(), await newUser()];
    const made = await call(gateway, '/api/auth/app-passwords', { token: ann.token, body: { label: 'x' } });
    const { id, password } = made.json<NewAppPassword>();
    const path = `/api/auth/app-passwords/${id}`;
    expect((await call(gateway, path, { method: 'DELETE', token: bob.token })).status).toBe(404);
    expect(await tree(basic({ email: bob.email, password }))).toBe(401);
    expect(await tree(basic({ email: ann.email, password }))).toBe(200);
  });
});

it('shows an admin accounts, and of secrets only the link that was just made', async () => {
  const answer = await call(gateway, '/api/admin/users', {
    token: admin,
    body: { email: 'new@example.org', roles: ['user'], quotaBytes: 1000 },
  });
  const user = answer.json<User>();
  expect([answer.status, user.hasPassword, user.quotaBytes]).toEqual([201, false, 1000]);
  const token = new URL(user.setPasswordLink!.url).hash.replace('#token=', '');
  const later = await call(gateway, `/api/admin/users/${user.id}`, { token: admin });
  expect(later.text).not.toContain(token);
  const used = await call(gateway, '/api/auth/setup', { body: { token, password: PASSWORD } });
  expect([used.status, used.json()['email']]).toEqual([200, 'new@example.org']);
  expect((await call(gateway, '/api/auth/setup', { body: { token, password: PASSWORD } })).status).toBe(422);
  expect(await signIn(gateway, { email: 'NEW@example.org ', password: PASSWORD })).toBeTruthy();
});
