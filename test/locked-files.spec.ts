import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startGateway as startBareGateway } from '../src/gateway.js';
import { readConfig } from '../src/config/index.js';
import { Quota } from '../src/contents/index.js';
import { Ephemeral } from '../src/ephemeral/index.js';
import { Database } from '../src/database/index.js';
import type { Received } from './support/client.js';
import { DavClient, LOCKINFO, textOf } from './support/dav.js';
import { freePort, startGateway, type TestGateway } from './support/gateway.js';
import { inside } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';
import { rawConnection } from './support/raw.js';
import { startRedis, type TestRedis } from './support/redis.js';

let redis: TestRedis;
let gateway: TestGateway;
let client: DavClient;
beforeAll(async () => {
  redis = await startRedis();
  gateway = await startGateway({ environment: { REDIS_URL: redis.url } });
  client = new DavClient(gateway, await signIn(gateway));
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
  await redis?.stop();
});

const nothing = { 'Content-Type': 'text/plain' };
const to = (path: string, more: Record<string, string> = {}) => ({
  Destination: `${gateway.url}/dav/${path}`,
  ...more,
});

/** Every way in which any door changes a file or a folder, as seen from a folder of its own. */
const WRITES: [string, (at: string, headers: Record<string, string>) => Promise<Received>][] = [
  ['PUT of the HTTP API', (at, headers) => client.put(`${at}/file`, 'new', headers)],
  ['PUT of WebDAV', (at, headers) => client.dav('PUT', `${at}/file`, { body: 'new', headers })],
  ['DELETE of the HTTP API', (at, headers) => client.remove(`${at}/file`, headers)],
  ['DELETE of WebDAV', (at, headers) => client.dav('DELETE', `${at}/file`, { headers })],
  ['DELETE of the folder', (at, headers) => client.remove(at, headers)],
  ['DELETE of the folder by WebDAV', (at, headers) => client.dav('DELETE', `${at}/`, { headers })],
  ['PATCH', (at, headers) => patched(`${at}/file`, `${at}/elsewhere`, headers)],
  ['PATCH of the folder', (at, headers) => patched(at, `${at}-elsewhere`, headers)],
  ['MOVE', (at, headers) => client.dav('MOVE', `${at}/file`, { headers: to(`${at}/elsewhere`, headers) })],
  ['MOVE of the folder', (at, headers) => client.dav('MOVE', at, { headers: to(`${at}-elsewhere`, headers) })],
  ['MOVE onto it', (at, headers) => client.dav('MOVE', `${at}/other`, { headers: to(`${at}/file`, headers) })],
  ['COPY onto it', (at, headers) => client.dav('COPY', `${at}/other`, { headers: to(`${at}/file`, headers) })],
  ['COPY onto the folder', (at, headers) => client.dav('COPY', `${at}-other`, { headers: to(at, headers) })],
  [
    'PROPPATCH',
    (at, headers) =>
      client.dav('PROPPATCH', `${at}/file`, {
        body: '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><a>b</a></D:prop></D:set></D:propertyupdate>',
        headers,
      }),
  ],
  [
    'an upload to a signed address',
    async (at, headers) => {
      const made = await client.json('POST', '/api/upload-addresses', { path: `${at}/file`, replace: true });
      const { pathname } = new URL(made.json<{ url: string }>().url);
      return client.send(pathname, { method: 'PUT', body: 'new', headers });
    },
  ],
  [
    'a version erased',
    async (at, headers) => {
      const versions = await client.send(`/api/versions/${at}/file`);
      const [, first] = versions.json<{ items: { version: string }[] }>().items;
      return client.send(`/api/versions/${at}/file?version=${first!.version}`, { method: 'DELETE', headers });
    },
  ],
  [
    'a version restored',
    async (at, headers) => {
      const versions = await client.send(`/api/versions/${at}/file`);
      const [, first] = versions.json<{ items: { version: string }[] }>().items;
      const body = JSON.stringify({ restore: first!.version });
      return client.send(`/api/versions/${at}/file`, {
        method: 'POST',
        body,
        headers: { 'Content-Type': 'application/json', ...headers },
      });
    },
  ],
];

function patched(from: string, path: string, headers: Record<string, string>): Promise<Received> {
  const sent = { 'Content-Type': 'application/json', ...headers };
  return client.send(`/api/tree/${from}`, { method: 'PATCH', body: JSON.stringify({ path }), headers: sent });
}

describe('a locked file', () => {
  let at = '';
  let nth = 0;
  beforeEach(async () => {
    at = `folder-${(nth += 1)}`;
    for (const path of [`${at}/file`, `${at}/file`, `${at}/other`, `${at}-other/x`])
      await client.put(path, 'old', nothing);
  });

  it.each(WRITES)('is not changed by %s without the token, and is with it', async (_, write) => {
    const token = await client.lock(`${at}/file`);
    const refused = await write(at, {});
    expect([refused.status, refused.type]).toEqual([423, 'locked']);
    expect((await write(at, { 'Lock-Token': `<urn:uuid:00000000-0000-4000-8000-000000000000>` })).status).toBe(423);
    expect((await client.get(`${at}/file`)).body.toString()).toBe('old');
    expect([200, 201, 204, 207]).toContain((await write(at, { 'Lock-Token': `<${token}>` })).status);
  });

  it.each(WRITES)('is not changed by %s while its folder is locked with all that is in it', async (_, write) => {
    const token = await client.lock(`${at}/`, { headers: { Depth: 'infinity' } });
    expect((await write(at, {})).status).toBe(423);
    expect([200, 201, 204, 207]).toContain((await write(at, { If: `</dav/${at}> (<${token}>)` })).status);
  });

  it('can be read, copied from, and stood beside', async () => {
    await client.lock(`${at}/file`);
    expect((await client.get(`${at}/file`)).status).toBe(200);
    expect((await client.dav('COPY', `${at}/file`, { headers: to(`${at}/copy`) })).status).toBe(201);
    expect((await client.put(`${at}/other`, 'new')).status).toBe(200);
    expect((await client.put(`${at}/copy`, 'the copy has no lock')).status).toBe(200);
  });

  it('is not replaced by a resumable upload without the token, neither at its beginning nor at its end; with it, it is', async () => {
    const path = Buffer.from(`${at}/file`).toString('base64');
    const tus = { 'Tus-Resumable': '1.0.0', 'Upload-Length': '3', 'Upload-Metadata': `path ${path}` };
    const begin = (headers: Record<string, string>): Promise<Received> =>
      client.send('/api/uploads', { method: 'POST', headers: { ...tus, ...headers } });
    const { headers } = await begin({});
    const place = headers.location!;
    const token = await client.lock(`${at}/file`);
    expect((await begin({})).status).toBe(423);
    expect((await begin({ 'Lock-Token': `<${token}>` })).status).toBe(201);
    const part = { 'Tus-Resumable': '1.0.0', 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream' };
    const sent = await client.send(place, { method: 'PATCH', headers: part, body: 'new' });
    expect([sent.status, sent.type]).toEqual([423, 'locked']);
    expect((await client.get(`${at}/file`)).body.toString()).toBe('old');
    const look = (more: Record<string, string>): Promise<Received> =>
      client.send(place, { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0', ...more } });
    expect((await look({})).status).toBe(423);
    expect((await look({ If: `(<${token}>)` })).headers['upload-offset']).toBe('3');
    expect((await client.get(`${at}/file`)).body.toString()).toBe('new');
  });

  it('is locked by its path in either spelling', async () => {
    await client.put(`${at}/caf%C3%A9`, 'x');
    await client.lock(`${at}/caf%C3%A9`);
    expect((await client.put(`${at}/cafe%CC%81`, 'y')).status).toBe(423);
  });

  it('is nobody else’s business', async () => {
    await client.lock(`${at}/file`);
    const stranger = await newPerson(gateway, client.token, ['user']);
    using theirs = new DavClient(gateway, stranger.token);
    expect((await theirs.put(`${at}/file`, 'theirs')).status).toBe(201);
  });

  it('is free again when it was thrown away or moved by who holds it', async () => {
    const token = await client.lock(`${at}/file`);
    const If = `(<${token}>)`;
    expect((await client.dav('MOVE', `${at}/file`, { headers: to(`${at}/moved`, { If }) })).status).toBe(201);
    expect((await client.put(`${at}/file`, 'another')).status).toBe(201);
    expect((await client.put(`${at}/moved`, 'again')).status).toBe(200);
    const [moved] = await client.propfind(`${at}/moved`, 0, 'lockdiscovery');
    expect(textOf(moved!.found.get('lockdiscovery'))).toBe('');
  });

  it('of a folder whose members alone are locked keeps names from coming and going, and nothing else', async () => {
    await client.lock(`${at}/`, { headers: { Depth: '0' } });
    expect((await client.put(`${at}/file`, 'new')).status).toBe(200);
    expect((await client.put(`${at}/fresh`, 'new')).status).toBe(423);
    expect((await client.makeFolder(`${at}/fresh`)).status).toBe(423);
    expect((await client.dav('MKCOL', `${at}/fresh`)).status).toBe(423);
    expect((await client.remove(`${at}/file`)).status).toBe(423);
    expect((await client.put(`${at}/fresh/deep`, 'new')).status).toBe(423);
  });

  it('that was thrown away does not come back into a locked folder', async () => {
    const { id } = (await client.tree(`${at}/file`)).json<{ id: string }>();
    await client.remove(`${at}/file`);
    const token = await client.lock(`${at}/`, { headers: { Depth: 'infinity' } });
    expect((await client.restore(id)).status).toBe(423);
    const headers = { 'Lock-Token': `<${token}>` };
    expect((await client.send(`/api/trash/${id}/restore`, { method: 'POST', headers })).status).toBe(200);
  });
});

describe('a lock', () => {
  it('is of one alone, or shared by those who share', async () => {
    await client.put('one', 'x');
    await client.lock('one');
    expect((await client.dav('LOCK', 'one', { body: LOCKINFO() })).status).toBe(423);
    expect((await client.dav('LOCK', 'one', { body: LOCKINFO('shared') })).status).toBe(423);
    const first = await client.lock('two', { scope: 'shared' });
    const second = await client.lock('two', { scope: 'shared' });
    expect(first).not.toBe(second);
    expect((await client.dav('LOCK', 'two', { body: LOCKINFO() })).status).toBe(423);
    expect((await client.put('two', 'x')).status).toBe(423);
    expect((await client.put('two', 'x', { 'Lock-Token': `<${second}>` })).status).toBe(200);
  });

  it('of all or of what lies in it is in the way of the other', async () => {
    await client.put('outer/inner/file', 'x');
    const token = await client.lock('outer/inner/file');
    expect((await client.dav('LOCK', 'outer', { body: LOCKINFO() })).status).toBe(423);
    expect((await client.dav('LOCK', 'outer', { body: LOCKINFO(), headers: { Depth: '0' } })).status).toBe(200);
    await client.unlock('outer/inner/file', token);
    await client.lock('outer/inner', { headers: { Depth: 'infinity' } });
    expect((await client.dav('LOCK', 'outer/inner/file', { body: LOCKINFO() })).status).toBe(423);
  });

  it('on a name that is free makes an empty file, which is its holder’s', async () => {
    const token = await client.lock('fresh');
    expect((await client.get('fresh')).body.length).toBe(0);
    expect((await client.put('fresh', 'x')).status).toBe(423);
    expect((await client.put('fresh', 'x', { If: `(<${token}>)` })).status).toBe(200);
    expect((await client.dav('LOCK', 'no/such/folder', { body: LOCKINFO() })).status).toBe(409);
    expect((await client.makeFolder('no/such')).status).toBe(201);
  });

  it('is let go by its token, and by no other', async () => {
    await client.put('held', 'x');
    const token = await client.lock('held');
    expect((await client.unlock('held', token.replace(/.$/, '~'))).status).toBe(409);
    expect((await client.unlock('elsewhere', token)).status).toBe(409);
    expect((await client.dav('UNLOCK', 'held')).status).toBe(400);
    expect((await client.unlock('held', token)).status).toBe(204);
    expect((await client.put('held', 'y')).status).toBe(200);
  });

  it('ends when its time is over, unless it is held for longer', async () => {
    const token = await client.lock('brief', { headers: { Timeout: 'Infinite, Second-1' } });
    expect((await client.put('brief', 'x')).status).toBe(423);
    const longer = await client.dav('LOCK', 'brief', { headers: { If: `(<${token}>)`, Timeout: 'Second-2' } });
    expect(longer.body.toString()).toContain('<D:timeout>Second-2</D:timeout>');
    await vi.waitFor(async () => expect((await client.put('brief', 'x')).status).toBe(200), {
      timeout: 10_000,
      interval: 100,
    });
    expect((await client.dav('LOCK', 'brief', { headers: { If: `(<${token}>)` } })).status).toBe(412);
  }, 20_000);

  it('is shown with its owner as it was told, its depth, and its root', async () => {
    const token = await client
      .lock('shown/', { headers: { Depth: 'infinity', Timeout: 'Second-100' } })
      .catch(() => '');
    expect(token).toMatch(/^urn:uuid:/);
    const [shown] = await client.propfind('shown', 0, 'lockdiscovery', 'supportedlock');
    const text = textOf(shown!.found.get('lockdiscovery'));
    expect(text).toBe(`infinitysomebodySecond-100${token}/dav/shown`);
  });

  it('is one of a bounded number', async () => {
    const person = await newPerson(gateway, client.token, ['user']);
    using greedy = new DavClient(gateway, person.token);
    await greedy.put('first', '');
    await greedy.lock('first');
    const state = inside(gateway, Ephemeral);
    const list = `locks:${person.id}`;
    const [first] = (await state.get<{ token: string; names: string[] }[]>(list))!;
    const more = Array.from({ length: 254 }, (_, nth) => ({ ...first!, token: `urn:uuid:${nth}`, names: [`f${nth}`] }));
    await Promise.all(more.map(({ token }) => state.put(`lock:${person.id}:${token}`, true, 60_000)));
    await state.put(list, [first!, ...more], 60_000);
    await greedy.put('more', '');
    const answer = await greedy.dav('LOCK', 'more', { body: LOCKINFO() });
    expect([answer.status, answer.type]).toEqual([409, 'conflict']);
    await state.delete(`lock:${person.id}:urn:uuid:7`);
    await greedy.lock('more');
  });

  it('that was lost with the short-lived state is in nobody’s way, and its holder is told', async () => {
    const token = await client.lock('lost');
    await redis.kill();
    await redis.startAgain();
    await vi.waitFor(async () => expect(await inside(gateway, Ephemeral).get('anything')).toBeNull());
    expect((await client.dav('PUT', 'lost', { body: 'x', headers: { If: `(<${token}>)` } })).status).toBe(412);
    expect((await client.put('lost', 'x')).status).toBe(200);
  });
});

/** An upload is under way when its quota is set aside; the lock comes after its first look. */
async function untilOpen(name: string): Promise<void> {
  const quota = inside(gateway, Quota) as unknown as { slabs: Map<string, { promised: number }> };
  await vi.waitFor(() =>
    expect(
      [...quota.slabs.values()].some(({ promised }) => promised > 0),
      name,
    ).toBe(true),
  );
}

describe('a lock that is taken while somebody else’s upload is under way', () => {
  it('is seen by the upload when it is published, and it is refused', async () => {
    await client.put('race', 'old');
    using slow = await rawConnection(gateway);
    const head = `PUT /api/content/race HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\nContent-Length: 10\r\n\r\n`;
    await slow.write(`${head}12345`);
    await untilOpen('race');
    const token = await client.lock('race');
    await slow.write('67890');
    expect(await slow.until(/HTTP\/1\.1 \d+ [^]*\}/)).toMatch(/^HTTP\/1\.1 423/);
    expect((await client.get('race')).body.toString()).toBe('old');
    expect((await client.put('race', 'new', { 'Lock-Token': `<${token}>` })).status).toBe(200);
  });

  it('and is on something else, does not disturb it', async () => {
    using slow = await rawConnection(gateway);
    const head = `PUT /api/content/calm HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\nContent-Length: 10\r\n\r\n`;
    await slow.write(`${head}12345`);
    await untilOpen('calm');
    await client.lock('something-else');
    await slow.write('67890');
    expect(await slow.until(/HTTP\/1\.1 \d+ [^]*\}/)).toMatch(/^HTTP\/1\.1 201/);
  });

  it('is answered only after a publication that did not see it', async () => {
    await client.put('order', 'old');
    const database = inside(gateway, Database);
    const account = (await client.tree('')).json<{ id: string }>().id;
    let lock: Promise<string> | undefined;
    let answered = false;
    await database.tx(async (sql) => {
      await sql.query('select enter_lock_fence($1)', [account]);
      lock = client.lock('order').finally(() => (answered = true));
      const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`;
      while ((await sql.query(waiting)).length === 0);
      expect(answered).toBe(false);
    });
    expect(await lock).toMatch(/^urn:uuid:/);
  });
});

describe('two gateways over one database and one Redis', () => {
  it('share their locks', async () => {
    const port = await freePort();
    const environment = {
      PORT: String(port),
      TESSERA_PUBLIC_URL: `http://127.0.0.1:${port}`,
      TESSERA_DATA: gateway.dataFolder,
      TESSERA_LOG_LEVEL: 'error',
      DATABASE_URL: gateway.databaseUrl,
      REDIS_URL: redis.url,
    };
    const other = await startBareGateway(readConfig(environment));
    using there = new DavClient({ url: `http://127.0.0.1:${port}` }, client.token);
    try {
      await client.put('shared-by-both', 'x');
      const token = await client.lock('shared-by-both');
      expect((await there.put('shared-by-both', 'y')).status).toBe(423);
      expect((await there.dav('LOCK', 'shared-by-both', { body: LOCKINFO() })).status).toBe(423);
      const both = await Promise.all(
        [client, there].flatMap((one) =>
          Array.from({ length: 5 }, () => one.dav('LOCK', 'raced', { body: LOCKINFO() })),
        ),
      );
      expect(both.filter(({ status }) => status < 300)).toHaveLength(1);
      expect((await there.unlock('shared-by-both', token)).status).toBe(204);
      expect((await client.put('shared-by-both', 'z')).status).toBe(200);
    } finally {
      await other.stop();
    }
  });
});
