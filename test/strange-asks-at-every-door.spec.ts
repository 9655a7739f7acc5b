import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { naughtyNames } from './support/naughty-names.js';
import { newPerson, signIn } from './support/people.js';
import { rawConnection, statusOf } from './support/raw.js';
import { malformedAt, oddPaths, pathForms, rangeForms } from './support/strange-asks.js';

/** What lies in somebody else's tree, and beside what a link gives. */
const SECRET = 'nobody else may see this';
const BESIDE = 'who has the link may not see this';

let gateway: TestGateway;
let client: Client;
let visit: string;
let ticketed: () => Promise<string>;
beforeAll(async () => {
  gateway = await startGateway();
  const admin = await signIn(gateway);
  using owner = new Client(gateway, admin);
  await owner.put('file', SECRET);
  client = new Client(gateway, (await newPerson(gateway, admin, ['user'])).token);
  await client.put('file', 'x'.repeat(1000));
  await client.put('folder/inner', 'inner');
  await client.put('beside/secret', BESIDE);
  const link = (await client.json('POST', '/api/links', { path: 'folder' })).json<{ token: string }>();
  visit = (await client.json('POST', '/api/shared/visits', { token: link.token })).json<{ visit: string }>().visit;
  ticketed = async () =>
    (await client.json('POST', '/api/shared/downloads', { visit, path: 'inner' })).json<{ url: string }>().url;
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
});

/** The request line as it is written: no client in between that would tidy it up. */
async function raw(method: string, address: string, headers: readonly string[] = [], body = ''): Promise<string> {
  using connection = await rawConnection(gateway);
  const own = [
    'Host: x',
    `Authorization: Bearer ${client.token}`,
    'Connection: close',
    `Content-Length: ${body.length}`,
  ];
  await connection.write(
    Buffer.from(`${method} ${address} HTTP/1.1\r\n${[...own, ...headers].join('\r\n')}\r\n\r\n${body}`, 'latin1'),
  );
  return await connection.end(20_000);
}

async function allOf<T>(asked: readonly T[], ask: (one: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < asked.length; at += 8) await Promise.all(asked.slice(at, at + 8).map(ask));
}

/** By the address, and by a path in JSON or in a header. */
const DOORS = ['content', 'tree', 'preview', 'archive', 'versions', 'placement', 'immutable'];
const JSON_DOORS: readonly [string, (path: string) => object][] = [
  ['/api/copy', (path) => ({ from: path, to: 'copied' })],
  ['/api/archive', (path) => ({ paths: [path] })],
  ['/api/links', (path) => ({ path })],
  ['/api/upload-addresses', (path) => ({ path })],
  ['/api/shared/entries', (path) => ({ visit, path })],
  ['/api/shared/previews', (path) => ({ visit, path })],
  ['/api/shared/downloads', (path) => ({ visit, path })],
];

describe('a path of any form', () => {
  it('at any address that takes paths does no harm, of which there are more than 200', async () => {
    const all = DOORS.map((door) => pathForms(`/api/${door}`));
    expect(all[0]!.length).toBeGreaterThan(200);
    // Each form at two of the seven, and each of the seven is asked every kind of thing.
    const asked = all[0]!.flatMap((_, nth) => [0, 3].map((more) => all[(nth + more) % DOORS.length]![nth]!));
    await allOf(asked, async (address) => {
      const answer = await raw('GET', address);
      const status = statusOf(answer);
      expect(status >= 200 && status < 500, `${address.slice(0, 200)}: ${status}`).toBe(true);
      expect(answer.includes(SECRET), address.slice(0, 200)).toBe(false);
    });
  });

  it('in what a door is told in JSON, or in the metadata of an upload, is read as strictly', async () => {
    const asked = oddPaths.flatMap((path) => JSON_DOORS.map(([door, body]) => ({ door, body: body(path), path })));
    await allOf(asked, async ({ door, body, path }) => {
      const answer = await client.json('POST', door, body);
      expect(answer.status >= 200 && answer.status < 500, `${door} ${path.slice(0, 200)}: ${answer.status}`).toBe(true);
      const seen = answer.body.includes(SECRET) || (door.includes('shared') && answer.body.includes(BESIDE));
      expect(seen, `${door} ${path.slice(0, 200)}`).toBe(false);
    });
    await allOf([...oddPaths, ...naughtyNames], async (path) => {
      const told = `path ${Buffer.from(path).toString('base64')}`;
      const headers = ['Tus-Resumable: 1.0.0', 'Upload-Length: 0', `Upload-Metadata: ${told}`];
      const status = statusOf(await raw('POST', '/api/uploads', headers));
      expect([201, 400, 409, 423], `${path.slice(0, 200)}: ${status}`).toContain(status);
    });
    expect((await client.get('file')).status).toBe(200);
  });
});

describe('a naughty name', () => {
  it('goes through copies, archives, previews and links as it is', async () => {
    const [names, encoded] = [naughtyNames, naughtyNames.map(encodeURIComponent)];
    for (const [at, path] of encoded.entries()) {
      if (Buffer.byteLength(names[at]!) > 255) continue;
      expect((await client.put(`names/${path}`, 'x')).status).toBe(201);
      const preview = await client.send(`/api/preview/names/${path}`);
      expect([names[at], preview.status, preview.type]).toEqual([names[at], 415, 'no-preview']);
    }
    const link = (await client.json('POST', '/api/links', { path: 'names' })).json<{ token: string }>();
    const opened = await client.json('POST', '/api/shared/visits', { token: link.token });
    const body = { visit: opened.json<{ visit: string }>().visit, path: '', limit: 1000 };
    const { items } = (await client.json('POST', '/api/shared/entries', body)).json<{ items: { name: string }[] }>();
    expect(new Set(items.map(({ name }) => name))).toEqual(new Set(names));
    const archive = await client.send('/api/archive/names');
    expect([archive.status, archive.whole]).toEqual([200, true]);
  });
});

describe('a range of any form', () => {
  it('at the other doors that give bytes is served, refused, or means the whole', async () => {
    expect(rangeForms.length).toBeGreaterThanOrEqual(60);
    await allOf(rangeForms, async ([range, expected]) => {
      const { status: answered, body } = await client.send('/dav/file', { headers: { Range: range } });
      if (expected === 'beyond') expect(answered, range.slice(0, 80)).toBe(416);
      else if (expected === 'whole') expect([answered, body.length], range.slice(0, 80)).toEqual([200, 1000]);
      else expect([answered, body.length], range.slice(0, 80)).toEqual([206, expected[1] - expected[0] + 1]);
      for (const address of [await ticketed(), '/api/archive/folder', '/api/preview/file']) {
        const { status } = await client.send(address, { headers: { Range: range } });
        expect([200, 206, 415, 416], `${address} ${range.slice(0, 80)}: ${status}`).toContain(status);
      }
    });
  });
});

describe('a request that is smuggled, cut or malformed', () => {
  const PLACES = ['/api/content/outer', '/api/uploads', '/api/preview/outer', '/api/archive', '/api/shared/previews'];

  it.each(PLACES)('at %s lets no second one in, and is no failure of ours', async (place) => {
    await allOf(malformedAt(place, '/api/content/smuggled'), async ([first, rest]) => {
      using connection = await rawConnection(gateway);
      await connection.write(
        `${first}\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\nConnection: close\r\n${rest}`,
      );
      connection.socket.end();
      expect(await connection.end(20_000), `${first} ${rest.slice(0, 80)}`).not.toMatch(/HTTP\/1\.1 5\d\d/);
    });
    expect((await client.get('smuggled')).status).toBe(404);
  });
});
