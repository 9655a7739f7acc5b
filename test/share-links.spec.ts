import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Link, NewLink } from '#contracts';
import { Client, type Received } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { intruder } from './support/inside.js';
import { call, newPerson, type Person, signIn } from './support/people.js';

let gateway: TestGateway;
let admin: string;
let person: Person;
let client: Client;
/** Has nothing but what it is given. */
let stranger: Client;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await signIn(gateway);
  stranger = new Client(gateway, 'none');
});
beforeEach(async () => {
  client?.[Symbol.dispose]();
  person = await newPerson(gateway, admin, ['user']);
  client = new Client(gateway, person.token);
  await client.put('private/shared/file.html', '<script>alert(1)</script>', { 'Content-Type': 'text/html' });
  await client.put('private/shared/deep/b', 'bb');
  await client.put('private/secret', 'not for you');
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  stranger?.[Symbol.dispose]();
  await gateway?.stop();
});

const share = async (path: string, more: object = {}) => {
  const answer = await client.json('POST', '/api/links', { path, ...more });
  expect(answer.status).toBe(201);
  return answer.json<NewLink>();
};
const open = (token: string, password?: string) => stranger.json('POST', '/api/shared/visits', { token, password });
const visit = async (token: string, password?: string) => (await open(token, password)).json<{ visit: string }>().visit;
const entries = (opened: string, path = '') => stranger.json('POST', '/api/shared/entries', { visit: opened, path });
const ticket = (opened: string, path = '') => stranger.json('POST', '/api/shared/downloads', { visit: opened, path });
const download = async (opened: string, path = '') =>
  stranger.send((await ticket(opened, path)).json<{ url: string }>().url);
const closed = (answer: Received) => expect([answer.status, answer.type]).toEqual([404, 'not-found']);
const linkOf = async (id: string) =>
  (await client.send('/api/links')).json<{ items: Link[] }>().items.find((link) => link.id === id);

describe('a link', () => {
  it('gives a file to whoever has it, as something to be saved and never as a page', async () => {
    const link = await share('private/shared/file.html');
    expect(link.token).toMatch(/^[\w-]{43}$/);
    expect(link.url).toBe(`${gateway.url}/s#${link.token}`);
    const opened = (await open(link.token)).json<{ visit: string; entry: object }>();
    expect(opened.entry).toEqual({
      path: '',
      name: 'file.html',
      type: 'file',
      size: 25,
      modifiedAt: expect.any(String),
    });
    const answer = await download(opened.visit);
    expect([answer.status, answer.body.toString()]).toEqual([200, '<script>alert(1)</script>']);
    expect(answer.headers['content-disposition']).toMatch(/^attachment; filename="file.html"/);
    expect(answer.headers['content-security-policy']).toBe("sandbox; default-src 'none'");
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    expect(answer.headers['cache-control']).toContain('private');
  });

  it('gives a folder with what is in it, and nothing that lies above or beside it', async () => {
    const opened = await visit((await share('private/shared')).token);
    const page = (await entries(opened)).json<{ items: { path: string; name: string }[] }>();
    expect(page.items.map(({ path }) => path)).toEqual(['deep', 'file.html']);
    expect(JSON.stringify(page)).not.toContain('private');
    expect((await entries(opened, 'deep')).json<{ items: { path: string }[] }>().items[0]!.path).toBe('deep/b');
    expect((await download(opened, 'deep/b')).body.toString()).toBe('bb');
    const zip = await download(opened);
    expect([zip.headers['content-type'], zip.body.includes('shared/deep/b'), zip.body.includes('not for you')]).toEqual(
      ['application/zip', true, false],
    );
    for (const path of ['secret', 'private/secret', 'deep/absent']) closed(await entries(opened, path));
    for (const path of ['..', '../secret', 'deep/%2e%2e', '%2F', '/'])
      expect((await entries(opened, path)).status).toBe(400);
  });

  it('follows what it gives when its owner moves it, and gives nothing while that is in the trash', async () => {
    const opened = await visit((await share('private/shared')).token);
    await client.move('private', 'elsewhere');
    await client.put('private/shared/file.html', 'another one');
    expect((await download(opened, 'file.html')).body.length).toBe(25);
    const { id } = (await client.tree('elsewhere')).json<{ id: string }>();
    await client.remove('elsewhere');
    closed(await entries(opened));
    await client.restore(id);
    expect((await entries(opened)).status).toBe(200);
    await client.remove('elsewhere');
    await client.send('/api/trash', { method: 'DELETE' });
    closed(await entries(opened));
    expect((await client.send('/api/links')).json()).toEqual({ items: [] });
  });

  it('with a password gives nothing without it, not even a name', async () => {
    const link = await share('private/secret', { password: 'open sesame' });
    for (const password of [undefined, 'wrong', '']) {
      const answer = await open(link.token, password);
      expect([answer.status, answer.type]).toEqual([403, 'link-password']);
      expect(answer.body.toString()).not.toContain('secret');
    }
    expect((await download(await visit(link.token, 'open sesame'))).body.toString()).toBe('not for you');
    await using database = await intruder(gateway);
    const { rows } = await database.query('select * from share_links where id = $1', [link.id]);
    expect(rows[0].password_hash).toMatch(/^\$argon2id\$/);
    expect(JSON.stringify(rows[0])).not.toContain(link.token);
  });

  it('whose password is guessed at is slowed down, and its owner’s sign-in is not', async () => {
    const link = await share('private/secret', { password: 'open sesame' });
    const answers = [];
    for (let guess = 0; guess < 8; guess++) answers.push((await open(link.token, `guess ${guess}`)).status);
    expect(answers.slice(0, 5)).toEqual([403, 403, 403, 403, 403]);
    expect(answers).toContain(429);
    expect((await open(link.token, 'open sesame')).status).toBe(429);
    expect(await signIn(gateway, person)).toBeTruthy();
  });

  it('that was revoked gives nothing any more, whoever has opened it', async () => {
    const link = await share('private/secret');
    const opened = await visit(link.token);
    const early = (await ticket(opened)).json<{ url: string }>().url;
    expect((await client.send(`/api/links/${link.id}`, { method: 'DELETE' })).status).toBe(204);
    for (const answer of [
      await open(link.token),
      await entries(opened),
      await ticket(opened),
      await stranger.send(early),
    ])
      closed(answer);
    closed(await client.send(`/api/links/${link.id}`, { method: 'DELETE' }));
  });

  it('that has expired gives nothing any more, by the database’s clock', async () => {
    const past = await client.json('POST', '/api/links', { path: 'private/secret', expiresAt: '2020-01-01T00:00:00Z' });
    expect([past.status, past.json()['errors']]).toMatchObject([422, [{ field: 'expiresAt' }]]);
    const link = await share('private/secret', { expiresAt: '2999-01-01T00:00:00Z' });
    const opened = await visit(link.token);
    await using database = await intruder(gateway);
    await database.query('update share_links set expires_at = now() where id = $1', [link.id]);
    closed(await entries(opened));
    closed(await open(link.token));
    expect((await linkOf(link.id))!.open).toBe(false);
  });

  it('gives no more downloads than it was made for, however many come at once', async () => {
    const link = await share('private/secret', { mostDownloads: 3 });
    const opened = await visit(link.token);
    const urls = await Promise.all(
      Array.from({ length: 8 }, async () => (await ticket(opened)).json<{ url: string }>().url),
    );
    const statuses = (await Promise.all(urls.map((url) => stranger.send(url)))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBe(3);
    expect(statuses.filter((status) => status === 404).length).toBe(5);
    expect(await linkOf(link.id)).toMatchObject({ downloads: 3, open: false });
    closed(await open(link.token));
  });

  it('ends with its owner’s account', async () => {
    const opened = await visit((await share('private/secret')).token);
    const path = `/api/admin/users/${person.id}`;
    await call(gateway, path, { method: 'PATCH', token: admin, body: { disabled: true } });
    closed(await entries(opened));
  });
});

it.each(['private/secret', 'private/shared'])('to be told of what a ticket gives is no download (%s)', async (path) => {
  const link = await share(path, { mostDownloads: 1 });
  const { url } = (await ticket(await visit(link.token))).json<{ url: string }>();
  for (let times = 0; times < 2; times++) {
    const head = await stranger.send(url, { method: 'HEAD' });
    expect([head.status, head.headers['content-disposition']]).toEqual([200, expect.stringMatching(/^attachment/)]);
  }
  expect(await linkOf(link.id)).toMatchObject({ downloads: 0, open: true });
  expect((await stranger.send(url)).status).toBe(200);
  expect((await stranger.send(url, { method: 'HEAD' })).status).toBe(404);
});

it('a ticket works once', async () => {
  const opened = await visit((await share('private/secret')).token);
  const { url } = (await ticket(opened)).json<{ url: string }>();
  expect((await stranger.send(url)).status).toBe(200);
  closed(await stranger.send(url));
});

it('what is no token, visit or ticket of ours opens nothing', async () => {
  const nonsense = ['x', 'A'.repeat(43), '../../x'];
  for (const text of nonsense) {
    closed(await open(text));
    closed(await entries(text));
    closed(await ticket(text));
    closed(await stranger.send(`/api/shared/content/${encodeURIComponent(text)}`));
  }
});

it('links are their owner’s alone, and are not made to what is not there', async () => {
  const link = await share('private/secret');
  using other = new Client(gateway, (await newPerson(gateway, admin, ['user'])).token);
  expect((await other.send('/api/links')).json()).toEqual({ items: [] });
  closed(await other.send(`/api/links/${link.id}`, { method: 'DELETE' }));
  closed(await other.json('POST', '/api/links', { path: 'private/secret' }));
  expect((await client.send('/api/links')).body.toString()).not.toContain(link.token);
  expect((await client.json('POST', '/api/links', { path: 'private/secret', mostDownloads: 0 })).status).toBe(422);
});

it('the page of a link holds nothing of a file, and may run only its own script', async () => {
  const answer = await stranger.send('/s');
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
  const policy = String(answer.headers['content-security-policy']);
  expect(policy).toMatch(/default-src 'none'/);
  expect(policy).toMatch(/script-src 'sha256-[^']+';/);
  expect(answer.body.toString()).not.toMatch(/innerHTML|insertAdjacent|document\.write|eval\(/);
});
