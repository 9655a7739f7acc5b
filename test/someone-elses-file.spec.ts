import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Role } from '#contracts';
import { RouteTable } from '../src/access/index.js';
import { Client, type Received } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, intruder } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';

let gateway: TestGateway;
let vault: string;
let owner: Client;
let stranger: Client;
/** Every id that there is of the owner's, by what it is. */
const ids = new Map<string, string>();
const FILE = 'secret/plan.txt';

const strangerWith = async (admin: string, roles: Role[]) =>
  new Client(gateway, (await newPerson(gateway, admin, roles)).token);

beforeAll(async () => {
  gateway = await startGateway();
  const admin = await signIn(gateway);
  owner = new Client(gateway, admin);
  stranger = await strangerWith(admin, ['user']);
  vault = await mkdtemp(join(tmpdir(), 'tessera-own-'));
  const file = (await owner.put(FILE, 'the plan')).json<{ id: string; version: string }>();
  await owner.put(FILE, 'the plan, again');
  const folder = (await owner.tree('secret')).json<{ id: string }>();
  const trashed = (await owner.put('thrown-away', 'x')).json<{ id: string }>();
  await owner.remove('thrown-away');
  const connection = await owner.json('POST', '/api/cloud/connections/local', { label: 'own', path: vault });
  expect(connection.status).toBe(201);
  ids.set('a file', file.id).set('a version', file.version).set('a folder', folder.id).set('a trash entry', trashed.id);
  ids.set('a connection', connection.json<{ id: string }>().id);
  await using database = await intruder(gateway);
  const { rows } = await database.query<Record<string, string>>(
    `select v.account, v.content, v.account_key, s.blob from versions v
     join shards s on s.account = v.account and s.content = v.content where v.id = $1`,
    [file.version],
  );
  for (const [what, id] of Object.entries(rows[0]!)) ids.set(`the ${what.replace('_', ' ')}`, id);
});
afterAll(async () => {
  owner?.[Symbol.dispose]();
  stranger?.[Symbol.dispose]();
  await gateway?.stop();
  await rm(vault, { recursive: true, force: true });
});

/** All of an answer but what is different in every answer, and whether the connection stays, which hangs on how much of a body had come. */
function essence({ status, headers, body }: Received) {
  const { 'x-request-id': requestId, date: _, connection: _stays, 'keep-alive': _long, ...rest } = headers;
  return { status, headers: rest, body: body.toString().replace(String(requestId), 'ID') };
}

/** What each route takes, so that nothing but the id or the path can be refused. */
function bodyOf(method: string, path: string): unknown {
  if (method === 'POST' && path.includes('/versions/')) return { restore: ids.get('a version') };
  if (method === 'POST') return { type: 'folder' };
  if (method === 'PATCH') return path.includes('/connections/') ? { label: 'mine' } : { path: 'elsewhere' };
  return undefined;
}

const TUS = {
  'Tus-Resumable': '1.0.0',
  'Content-Type': 'application/offset+octet-stream',
  'Upload-Offset': '0',
  'X-HTTP-Method-Override': 'PATCH',
};

function ask(client: Client, method: string, address: string, body: unknown = bodyOf(method, address)) {
  const path =
    method === 'DELETE' && address.includes('/versions/') ? `${address}?version=${ids.get('a version')}` : address;
  if (address.startsWith('/api/uploads')) return client.send(path, { method, headers: TUS, body: 'x' });
  return body === undefined ? client.send(path, { method, headers: { Depth: '0' } }) : client.json(method, path, body);
}

/** Routes of accounts with the role `user`, from the table that lets requests in: a new one is here by itself. */
const userRoutes = () =>
  inside(gateway, RouteTable).routes.filter(
    ({ access }) => typeof access === 'object' && access.roles.includes('user'),
  );

/** Jobs are shown to admins too: the house's. */
const filesAndClouds = () =>
  userRoutes().filter(({ access }) => typeof access === 'object' && !access.roles.includes('admin'));

describe('somebody else’s path', () => {
  const PATHS = [FILE, 'secret', `${FILE}/below`, 'thrown-away', 'secret/%70lan.txt', '..%2Fsecret'];
  const unheardOf = (path: string) => path.replace('secret', 'absent').replace('thrown-away', 'never-there');

  it('is answered by every route that looks or changes exactly as a path where nothing is', async () => {
    const routes = userRoutes().filter(({ path }) => path.includes('*path'));
    expect(routes.length).toBeGreaterThanOrEqual(8);
    for (const { method, path } of routes) {
      if (method === 'PUT' || method === 'MKCOL' || (method === 'POST' && path.includes('/tree/'))) continue;
      for (const theirs of PATHS) {
        const there = essence(await ask(stranger, method, path.replace('*path', theirs)));
        const nowhere = essence(await ask(stranger, method, path.replace('*path', unheardOf(theirs))));
        expect(there, `${method} ${path} ${theirs}`).toEqual(nowhere);
        expect([400, 404]).toContain(there.status);
      }
    }
  });

  it('is free to the stranger, whose file there is another one', async () => {
    expect((await stranger.put(FILE, 'my own')).status).toBe(201);
    expect((await stranger.makeFolder('secret/mine')).status).toBe(201);
    expect((await stranger.get(FILE)).body.toString()).toBe('my own');
    expect((await owner.get(FILE)).body.toString()).toBe('the plan, again');
    expect((await stranger.remove('secret')).status).toBe(204);
    expect((await owner.get(FILE)).body.toString()).toBe('the plan, again');
  });

  it('is in no listing of the stranger’s', async () => {
    await stranger.put('visible', 'x');
    const listed = (await stranger.tree('')).json<{ items: { name: string }[] }>();
    expect(listed.items.map(({ name }) => name)).toEqual(['visible']);
    const connections = (await stranger.send('/api/cloud/connections')).json<{
      items: { id: string; label: string }[];
    }>();
    expect(connections.items.map(({ label }) => label)).toEqual(['First vault']);
    const own = (await owner.send('/api/cloud/connections')).json<{ items: { label: string }[] }>();
    expect(own.items.map(({ label }) => label)).toEqual(['First vault', 'own']);
  });

  it('cannot be reached by the owner’s entity tags', async () => {
    for (const version of [ids.get('a version')!, randomUUID()]) {
      const answer = await stranger.put('new', 'x', { 'If-Match': `"${version}"` });
      expect([answer.status, answer.type]).toEqual([412, 'precondition-failed']);
    }
  });
});

describe('somebody else’s id', () => {
  it('of any kind, is answered by every route exactly as one that nothing has', async () => {
    const routes = userRoutes().filter(({ path }) => path.includes(':id'));
    expect(routes.map(({ method, path }) => `${method} ${path}`)).toEqual(
      expect.arrayContaining(['GET /api/cloud/connections/:id', 'POST /api/trash/:id/restore']),
    );
    for (const { method, path } of routes) {
      const nowhere = essence(await ask(stranger, method, path.replace(/:\w+/, randomUUID())));
      expect(nowhere.status).toBe(404);
      for (const [what, id] of ids) {
        const there = essence(await ask(stranger, method, path.replace(/:\w+/, id)));
        expect(there, `${method} ${path} with ${what}`).toEqual(nowhere);
      }
    }
    expect((await owner.get('thrown-away')).status).toBe(404);
    expect((await owner.restore(ids.get('a trash entry')!)).status).toBe(200);
  });

  it('cannot be spread over: a connection that is not open to one does not exist', async () => {
    const change = (id: string) =>
      ask(stranger, 'PATCH', '/api/users/me/default-storage', { data: 1, parity: 0, connections: [id] });
    const [there, nowhere] = [await change(ids.get('a connection')!), await change(randomUUID())];
    expect([there.status, there.type]).toEqual([422, 'spread-unmet']);
    expect(essence(there)).toEqual(essence(nowhere));
  });

  it('takes no byte of the stranger’s uploads', async () => {
    for (let file = 0; file < 20; file += 1) await stranger.put(`own-${file}`, `${file}`);
    for (let file = 0; file < 20; file += 1) {
      const placement = (await stranger.placement(`own-${file}`)).json<{
        chunks: { shards: { connection: string }[] }[];
      }>();
      const used = placement.chunks.flatMap(({ shards }) => shards.map(({ connection }) => connection));
      expect(used).not.toContain(ids.get('a connection'));
    }
  });
});

describe('whoever has no files', () => {
  it.each<[string, Role[]]>([
    ['an admin', ['admin']],
    ['an auditor', ['auditor']],
    ['an admin who audits', ['admin', 'auditor']],
    ['an account without a role', []],
  ])('%s is refused by every file and cloud call, whatever is there', async (_, roles) => {
    using nobody = await strangerWith(owner.token, roles);
    for (const { method, path } of filesAndClouds()) {
      for (const theirs of [FILE, 'absent']) {
        const filled = path.replace('*path', theirs).replace(/:\w+/, ids.get('a trash entry')!);
        const answer = await ask(nobody, method, filled);
        expect([method, path, answer.status, method === 'HEAD' ? 'forbidden' : answer.type]).toEqual([
          method,
          path,
          403,
          'forbidden',
        ]);
      }
    }
  });
});
