import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection, FolderList } from '#contracts';
import { type DavServer, startApache } from '#storage/testing';
import { startGateway, type TestGateway } from './support/gateway.js';
import { call, newPerson, type Person, signIn } from './support/people.js';

const NAMES = ['Bücher & Bilder', 'a b%20c', 'Work'];

let apache: DavServer;
let gateway: TestGateway;
let admin: string;
let anna: Person;
let bert: Person;
let connection: Connection;

beforeAll(async () => {
  apache = await startApache();
  for (const name of NAMES.flatMap((each) => [each, `${each}/inside`])) await makeFolder(name);
  gateway = await startGateway({ environment: { TESSERA_ALLOW_HOSTS: '127.0.0.1' } });
  admin = await signIn(gateway);
  [anna, bert] = [await newPerson(gateway, admin, ['user']), await newPerson(gateway, admin, ['user'])];
  const body = { label: 'Mine', ...form() };
  connection = (await call(gateway, '/api/cloud/connections/webdav', { token: anna.token, body })).json<Connection>();
});
afterAll(async () => {
  await gateway?.stop();
  await apache?.stop();
});

/** By the server itself, which has to write there as another user. */
async function makeFolder(path: string): Promise<void> {
  const { username, password } = apache.login;
  const headers = { Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
  const url = `${apache.url}${path.split('/').map(encodeURIComponent).join('/')}/`;
  expect((await fetch(url, { method: 'MKCOL', headers })).status).toBe(201);
}

const form = (url = apache.url) => ({ url, ...apache.login });
const look = (path: string, token = anna.token) => call(gateway, `/api/cloud/folders/${path}`, { token });
const inside = (list: FolderList, name: string) => list.items.find((folder) => folder.name === name)!;

describe('Choosing a folder', () => {
  it('shows the folders of a connected account, but not our own, and goes down into them', async () => {
    const top = (await look('webdav/root')).json<FolderList>();
    expect(top.items.map(({ name }) => name).toSorted()).toEqual(NAMES.toSorted());
    for (const name of NAMES) {
      const below = (await look(`webdav/${inside(top, name).id}`)).json<FolderList>();
      expect(below.items.map((folder) => folder.name)).toEqual(['inside']);
    }
  });

  it('remembers a page for a while', async () => {
    const before = (await look('webdav/root')).text;
    await makeFolder('Later');
    expect((await look('webdav/root')).text).toBe(before);
  });

  it('shows the folders of a place that is not connected yet, and connects to the chosen one', async () => {
    const asked = await call(gateway, '/api/cloud/folders/webdav/root', { token: bert.token, body: form() });
    expect(asked.status).toBe(200);
    const chosen = inside(asked.json<FolderList>(), 'Bücher & Bilder');
    const body = { label: 'There', ...form(), ...chosen.settings };
    // One login of one server is one place, whoever connects it: so far only the test may be made.
    const tested = await call(gateway, '/api/cloud/connections/webdav/test', { token: bert.token, body });
    expect([tested.status, tested.text]).toEqual([200, expect.stringContaining('"ok":true')]);
  });

  it.each([
    ['somebody else', () => look('webdav/root', bert.token), 404],
    ['somebody else by its id', () => look(`webdav/root?connection=${connection.id}`, bert.token), 404],
    ['another provider', () => look(`s3/root?connection=${connection.id}`), 404],
    ['a folder that is not there', () => look(`webdav/${Buffer.from('nowhere').toString('base64url')}`), 404],
    ['a way out of the top', () => look(`webdav/${Buffer.from('../..').toString('base64url')}`), 404],
    ['what is no id', () => look('webdav/%2e%2e%2f'), 404],
    ['an id spelt otherwise', () => look(`webdav/${Buffer.from('Work').toString('base64url')}%3D`), 404],
  ])('is refused to %s', async (_who, ask, status) => {
    expect((await ask()).status).toBe(status);
  });

  it('asks which one, when there are several', async () => {
    const vaults = ['one', 'two'].map((name) => join(gateway.dataFolder, '..', `${anna.id}-${name}`));
    for (const path of vaults) {
      await mkdir(path);
      const made = await call(gateway, '/api/cloud/connections/local', { token: admin, body: { label: 'v', path } });
      expect(made.status).toBe(201);
    }
    const answer = await look('local/root', admin);
    expect([answer.status, answer.text]).toEqual([422, expect.stringContaining('?connection=ID')]);
  });

  it('is not to be had as a way to knock at many doors', async () => {
    const statuses = new Set<number>();
    for (let nth = 0; nth < 32; nth += 1) {
      const body = { ...form('http://127.0.0.1:1/') };
      statuses.add((await call(gateway, '/api/cloud/folders/webdav/root', { token: bert.token, body })).status);
    }
    expect(statuses).toEqual(new Set([422, 429]));
  });
});
