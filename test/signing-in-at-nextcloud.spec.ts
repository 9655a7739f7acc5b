import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Connection, WebLoginBegun } from '#contracts';
import { type NextcloudDouble, startNextcloudDouble } from '#storage/testing';
import { Database } from '../src/database/index.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { call, newPerson, type Person, signIn } from './support/people.js';

let nextcloud: NextcloudDouble;
let gateway: TestGateway;
let anna: Person;
let bert: Person;

beforeAll(async () => {
  nextcloud = await startNextcloudDouble();
  gateway = await startGateway({ environment: { TESSERA_ALLOW_HOSTS: '127.0.0.1' } });
  const admin = await signIn(gateway);
  [anna, bert] = [await newPerson(gateway, admin, ['user']), await newPerson(gateway, admin, ['user'])];
});
afterAll(async () => {
  await gateway?.stop();
  await nextcloud?.stop();
});
beforeEach(() => {
  nextcloud.ways.instead = null;
  delete nextcloud.ways.origin;
});

const begin = (token = anna.token, url = nextcloud.url) =>
  call(gateway, '/api/cloud/login/webdav', { token, body: { label: 'Mine', url } });
const collect = (id: string, token = anna.token) =>
  call(gateway, `/api/cloud/login/webdav/${id}`, { method: 'POST', token });
const begun = async () => (await begin()).json<WebLoginBegun>().id;
const grantAll = () => nextcloud.logins.forEach((_, token) => nextcloud.logins.set(token, 'granted'));

describe('Signing in at a Nextcloud’s own page', () => {
  it('keeps the login that a failed test would lose, and connects by it later', async () => {
    const answer = await begin();
    expect([answer.status, answer.json<WebLoginBegun>().page]).toEqual([201, expect.stringContaining(nextcloud.url)]);
    const { id } = answer.json<WebLoginBegun>();
    expect((await collect(id)).json()).toEqual({ waiting: true });

    grantAll();
    nextcloud.ways.instead = (method) => (method === 'PUT' ? { status: 507 } : undefined);
    expect((await collect(id)).status).toBe(422);

    nextcloud.ways.instead = null;
    const made = await collect(id);
    expect([made.status, made.json<Connection>().status]).toEqual([201, 'healthy']);
    expect(made.text).not.toContain(nextcloud.login.password);
    expect((await collect(id)).status).toBe(404);
    const path = `/api/cloud/connections/${made.json<Connection>().id}`;
    expect((await call(gateway, path, { token: anna.token })).json<Connection>().label).toBe('Mine');
  });

  it('gives the login back when that account is connected already', async () => {
    const id = await begun();
    grantAll();
    const before = nextcloud.withdrawn;
    expect((await collect(id)).status).toBe(409);
    expect(nextcloud.withdrawn).toBe(before + 1);
    expect((await collect(id)).status).toBe(404);
  });

  it('is nothing that somebody else can collect or end', async () => {
    const id = await begun();
    grantAll();
    expect((await collect(id, bert.token)).status).toBe(404);
    const path = `/api/cloud/login/webdav/${id}`;
    expect((await call(gateway, path, { method: 'DELETE', token: bert.token })).status).toBe(404);
    expect((await call(gateway, path.replace('webdav', 's3'), { method: 'POST', token: anna.token })).status).toBe(404);
    expect((await collect('019310a0-0000-7000-8000-000000000000')).status).toBe(404);
  });

  it('leaves no secret where the short-lived state lies', async () => {
    await begun();
    const [token] = [...nextcloud.logins.keys()].slice(-1);
    const rows = await gateway.app.get(Database).query('select * from ephemeral_values');
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(token);
  });

  it('gives back what was handed out when the person thinks better of it', async () => {
    const id = await begun();
    grantAll();
    nextcloud.ways.instead = (method) => (method === 'PUT' ? { status: 507 } : undefined);
    await collect(id);
    nextcloud.ways.instead = null;
    const before = nextcloud.withdrawn;
    const path = `/api/cloud/login/webdav/${id}`;
    expect((await call(gateway, path, { method: 'DELETE', token: anna.token })).status).toBe(204);
    expect(nextcloud.withdrawn).toBe(before + 1);
    expect((await collect(id)).status).toBe(404);
  });

  it.each([
    ['shows no page that lies elsewhere', { origin: 'http://evil.example' }, 503],
    ['says when no Nextcloud answers', { instead: () => ({ status: 404 }) }, 422],
    ['follows no redirect', { instead: () => ({ status: 307, headers: { Location: 'http://evil.example/' } }) }, 503],
    ['tells of maintenance', { instead: () => ({ status: 503, headers: { 'Retry-After': '120' } }) }, 503],
  ])('%s', async (_what, ways, status) => {
    Object.assign(nextcloud.ways, ways);
    const answer = await begin();
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain('evil.example/');
  });

  it('goes to no private address that the operator has not opened', async () => {
    expect((await begin(anna.token, 'http://169.254.169.254/latest')).status).toBe(422);
  });
});
