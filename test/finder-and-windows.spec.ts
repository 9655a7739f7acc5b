import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Passwords } from '../src/accounts/index.js';
import type { Received } from './support/client.js';
import { DavClient, shownIn, textOf } from './support/dav.js';
import { FIRST_ACCOUNT, startGateway, type TestGateway } from './support/gateway.js';
import { inside } from './support/inside.js';
import { newPerson, PASSWORD, signIn } from './support/people.js';

let gateway: TestGateway;
let admin: string;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await signIn(gateway);
});
afterAll(() => gateway?.stop());

/** Somebody’s computer with an empty vault. */
let client: DavClient;
let basic: Record<string, string>;
beforeEach(async () => {
  const person = await newPerson(gateway, admin, ['user']);
  client = new DavClient(gateway, person.token);
  basic = { Authorization: `Basic ${Buffer.from(`${person.email}:${PASSWORD}`).toString('base64')}` };
});

type Say = (
  method: string,
  path: string,
  headers?: Record<string, string>,
  body?: string | Iterable<Buffer>,
) => Promise<Received>;

const tokenIn = (answer: Received): string => /<(urn:uuid:[^>]*)>/.exec(String(answer.headers['lock-token']))![1]!;
const lockInfo = (owner: string): string =>
  `<?xml version="1.0" encoding="utf-8" ?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>` +
  `<D:locktype><D:write/></D:locktype><D:owner><D:href>${owner}</D:href></D:owner></D:lockinfo>`;

describe('Finder', () => {
  const say: Say = (method, path, headers = {}, body = '') =>
    client.send(path, {
      method,
      headers: { ...basic, 'User-Agent': 'WebDAVFS/3.0.0 (03008000) Darwin/25.0.0 (arm64)', Accept: '*/*', ...headers },
      body,
    });
  const asked = (...names: string[]): string =>
    `<?xml version="1.0" encoding="utf-8"?>\n<D:propfind xmlns:D="DAV:">\n<D:prop>\n${names.map((name) => `<D:${name}/>`).join('\n')}\n</D:prop>\n</D:propfind>\n`;
  const usual = asked('getlastmodified', 'getcontentlength', 'creationdate', 'resourcetype');
  const look = (path: string, depth = '0', body = usual): Promise<Received> =>
    say('PROPFIND', path, { Depth: depth, 'Content-Type': 'text/xml' }, body);

  it('connects: it finds classes 1 and 2, is asked for a password, and learns how much room there is', async () => {
    const greeting = await client.send('/dav/', { method: 'OPTIONS', headers: { Authorization: '' } });
    expect([greeting.status, greeting.headers['dav']]).toEqual([200, '1, 2, 3']);
    const stranger = await client.send('/dav/', {
      method: 'PROPFIND',
      headers: { Authorization: 'Basic', Depth: '0' },
    });
    expect([stranger.status, stranger.headers['www-authenticate']]).toEqual([
      401,
      'Basic realm="Tessera", charset="UTF-8"',
    ]);
    const root = await look('/dav/', '0', asked('quota-available-bytes', 'quota-used-bytes', 'quota', 'quotaused'));
    const [shown] = shownIn(root.body);
    expect(Number(textOf(shown!.found.get('quota-available-bytes')))).toBeGreaterThan(0);
    expect(textOf(shown!.found.get('quota-used-bytes'))).toBe('0');
    expect(shown!.missing).toEqual(['quota', 'quotaused']);
    const tree = await look('/dav/', '1');
    expect(shownIn(tree.body).map(({ href }) => href)).toEqual(['/dav/']);
  });

  it('looks for its own marks everywhere, and is told that they are not there', async () => {
    const probes = [
      '._.',
      '.DS_Store',
      '.hidden',
      '.metadata_never_index',
      '.Spotlight-V100',
      '.ql_disablethumbnails',
      'Backups.backupdb',
      'mach_kernel',
      'DCIM',
      'Contents',
    ];
    for (const probe of probes) expect((await look(`/dav/${probe}`)).status).toBe(404);
  });

  it('copies a file in: empty at first, then locked, then without a length, with its shadow beside it', async () => {
    const bytes = Buffer.alloc(200_000, 'finder');
    const pieces = Array.from({ length: 20 }, (_, nth) => bytes.subarray(nth * 10_000, (nth + 1) * 10_000));
    const path = '/dav/Bericht%20f%C3%BCr%20M%C3%A4rz.pdf';
    expect((await look(path)).status).toBe(404);
    expect((await say('PUT', path, { 'Content-Length': '0' })).status).toBe(201);
    expect((await look(path)).status).toBe(207);
    const lock = await say(
      'LOCK',
      path,
      { Depth: '0', Timeout: 'Second-600', 'Content-Type': 'text/xml' },
      lockInfo('http://www.apple.com/webdav_fs/'),
    );
    expect(lock.status).toBe(200);
    const If = `(<${tokenIn(lock)}>)`;
    const put = await say(
      'PUT',
      path,
      { If, 'Transfer-Encoding': 'chunked', 'X-Expected-Entity-Length': '200000' },
      pieces,
    );
    expect(put.status).toBe(204);
    const refreshed = await say('LOCK', path, { If, Timeout: 'Second-600' });
    expect(refreshed.status).toBe(200);

    const shadow = path.replace('/dav/', '/dav/._');
    const held = await say(
      'LOCK',
      shadow,
      { Depth: '0', Timeout: 'Second-600' },
      lockInfo('http://www.apple.com/webdav_fs/'),
    );
    expect(held.status).toBe(201);
    const apple = Buffer.from('0005160700020000', 'hex');
    const shadowIf = `(<${tokenIn(held)}>)`;
    expect(
      (
        await say('PUT', shadow, { If: shadowIf, 'Transfer-Encoding': 'chunked', 'X-Expected-Entity-Length': '8' }, [
          apple,
        ])
      ).status,
    ).toBe(204);
    expect((await say('UNLOCK', shadow, { 'Lock-Token': `<${tokenIn(held)}>` })).status).toBe(204);
    expect((await say('UNLOCK', path, { 'Lock-Token': `<${tokenIn(lock)}>` })).status).toBe(204);

    const [shown] = shownIn((await look(path)).body);
    expect(textOf(shown!.found.get('getcontentlength'))).toBe('200000');
    expect((await say('GET', path)).body.equals(bytes)).toBe(true);
    const part = await say('GET', path, { Range: 'bytes=100-199' });
    expect([part.status, part.body.equals(bytes.subarray(100, 200))]).toEqual([206, true]);
  });

  it('is refused a body that is not as long as it said, and what was there stays', async () => {
    await say('PUT', '/dav/kept', {}, 'as it was');
    for (const [told, body] of [
      ['5', 'longer than five'],
      ['500', 'short'],
      ['1', ''],
    ] as const) {
      const headers = { 'Transfer-Encoding': 'chunked', 'X-Expected-Entity-Length': told };
      const answer = await say('PUT', '/dav/kept', headers, [Buffer.from(body)]);
      expect([answer.status, answer.type]).toEqual([400, 'length-mismatch']);
    }
    expect((await say('GET', '/dav/kept')).body.toString()).toBe('as it was');
  });

  it('makes a folder, renames it, and throws it away with its shadow', async () => {
    expect((await say('MKCOL', '/dav/untitled%20folder/')).status).toBe(201);
    const moved = await say('MOVE', '/dav/untitled%20folder/', {
      Destination: `${gateway.url}/dav/Photos%20%26%20more/`,
      Overwrite: 'F',
    });
    expect(moved.status).toBe(201);
    const again = shownIn((await look('/dav/', '1')).body);
    expect(again.map(({ href }) => href)).toEqual(['/dav/', '/dav/Photos%20%26%20more/']);
    expect((await say('DELETE', '/dav/Photos%20%26%20more/')).status).toBe(204);
    expect((await look('/dav/Photos%20%26%20more/')).status).toBe(404);
  });

  it('saves safely, as editors do: writes aside, and moves over the original', async () => {
    await say('PUT', '/dav/text.txt', {}, 'old');
    await say('PUT', '/dav/text.txt.sb-1', {}, 'new');
    const moved = await say('MOVE', '/dav/text.txt.sb-1', {
      Destination: `${gateway.url}/dav/text.txt`,
      Overwrite: 'T',
    });
    expect(moved.status).toBe(204);
    expect((await say('GET', '/dav/text.txt')).body.toString()).toBe('new');
    expect(
      (await client.send('/api/trash')).json<{ items: { name: string }[] }>().items.map(({ name }) => name),
    ).toEqual(['text.txt']);
  });
});

describe('Windows’ own client', () => {
  const say: Say = (method, path, headers = {}, body = '') =>
    client.send(path, {
      method,
      headers: {
        ...basic,
        'User-Agent': 'Microsoft-WebDAV-MiniRedir/10.0.26100',
        translate: 'f',
        Pragma: 'no-cache',
        ...headers,
      },
      body,
    });

  it('asks the server’s top whether it speaks WebDAV, without a password', async () => {
    for (const path of ['/', '/dav', '/dav/some/folder']) {
      const answer = await client.send(path, {
        method: 'OPTIONS',
        headers: { Authorization: '', 'User-Agent': 'DavClnt' },
      });
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({ dav: '1, 2, 3', 'ms-author-via': 'DAV', 'content-length': '0' });
      for (const method of ['PROPFIND', 'PROPPATCH', 'LOCK', 'UNLOCK', 'MOVE', 'COPY', 'MKCOL', 'PUT', 'DELETE'])
        expect(answer.headers['allow']).toContain(method);
    }
  });

  it('maps a drive: it is asked for a password once, and lists the top without saying what it wants to know', async () => {
    const stranger = await client.send('/dav', {
      method: 'PROPFIND',
      headers: { Authorization: 'NTLM abc', Depth: '0' },
    });
    expect([stranger.status, stranger.headers['www-authenticate']]).toEqual([
      401,
      'Basic realm="Tessera", charset="UTF-8"',
    ]);
    const top = await say('PROPFIND', '/dav', { Depth: '0' });
    const [shown] = shownIn(top.body);
    expect(shown!.href).toBe('/dav/');
    expect(shown!.found.get('resourcetype')!.children).toHaveLength(1);
    for (const probe of ['desktop.ini', 'AutoRun.inf', 'Thumbs.db', 'folder.jpg'])
      expect((await say('PROPFIND', `/dav/${probe}`, { Depth: '0' })).status).toBe(404);
  });

  it('writes a document: empty, locked, with times of its own, whole, and lets go', async () => {
    const path = '/dav/New%20Document.docx';
    expect((await say('PROPFIND', path, { Depth: '0' })).status).toBe(404);
    expect((await say('PUT', path)).status).toBe(201);
    const lock = await say(
      'LOCK',
      path,
      { Timeout: 'Second-3600', 'Content-Type': 'text/xml; charset="utf-8"' },
      lockInfo('DESKTOP\\anna'),
    );
    expect(lock.status).toBe(200);
    expect(lock.body.toString()).toContain('<D:timeout>Second-3600</D:timeout>');
    const If = `(<${tokenIn(lock)}>)`;
    const times = (attributes: string): string =>
      `<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop>` +
      `<Z:Win32CreationTime>Sat, 21 Nov 2026 10:00:00 GMT</Z:Win32CreationTime><Z:Win32LastAccessTime>Sat, 21 Nov 2026 10:00:00 GMT</Z:Win32LastAccessTime>` +
      `<Z:Win32LastModifiedTime>Sat, 21 Nov 2026 10:00:00 GMT</Z:Win32LastModifiedTime><Z:Win32FileAttributes>${attributes}</Z:Win32FileAttributes>` +
      `</D:prop></D:set></D:propertyupdate>`;
    const noted = await say('PROPPATCH', path, { If, 'Content-Type': 'text/xml; charset="utf-8"' }, times('00000000'));
    expect([noted.status, shownIn(noted.body)[0]!.found.size]).toEqual([207, 4]);
    expect((await say('PROPPATCH', path, {}, times('00000001'))).status).toBe(423);
    expect((await say('HEAD', path)).status).toBe(200);
    expect((await say('PUT', path, { If }, 'PK the document')).status).toBe(204);
    expect((await say('PROPPATCH', path, { If }, times('00000020'))).status).toBe(207);
    expect((await say('UNLOCK', path, { 'Lock-Token': `<${tokenIn(lock)}>` })).status).toBe(204);
    const [shown] = shownIn((await say('PROPFIND', path, { Depth: '1' })).body);
    expect(textOf(shown!.found.get('Win32FileAttributes'))).toBe('00000020');
    expect(textOf(shown!.found.get('getcontentlength'))).toBe('15');
    expect((await say('GET', path)).body.toString()).toBe('PK the document');
  });

  it('renames without writing over, and copies with it', async () => {
    await say('PUT', '/dav/a.txt', {}, 'a');
    await say('PUT', '/dav/b.txt', {}, 'b');
    const Destination = `${gateway.url}/dav/b.txt`;
    expect((await say('MOVE', '/dav/a.txt', { Destination, Overwrite: 'F' })).status).toBe(412);
    expect((await say('COPY', '/dav/a.txt', { Destination, Overwrite: 'T' })).status).toBe(204);
    expect((await say('GET', '/dav/b.txt')).body.toString()).toBe('a');
    const versions = (await client.send('/api/versions/b.txt')).json<{ items: unknown[] }>().items;
    expect(versions).toHaveLength(2);
  });
});

it('takes an app password and the account’s own, and guesses at neither for free', async () => {
  const dav = (email: string, password: string): Promise<Received> =>
    client.send('/dav/', {
      method: 'PROPFIND',
      headers: { Authorization: `Basic ${Buffer.from(`${email}:${password}`).toString('base64')}`, Depth: '0' },
    });
  expect((await dav(FIRST_ACCOUNT.email, FIRST_ACCOUNT.password)).status).toBe(207);
  const statuses: number[] = [];
  for (let guess = 0; guess < 8; guess += 1)
    statuses.push((await dav('somebody@example.org', `guess ${guess}`)).status);
  expect(statuses).toEqual([401, 401, 401, 401, 401, 401, 429, 429]);
});

it('hashes the account’s own password slowly once in a while, and notices at once that it was changed', async () => {
  const person = await newPerson(gateway, admin, ['user']);
  const hashed = vi.spyOn(inside(gateway, Passwords), 'matches');
  const look = (password: string): Promise<Received> =>
    client.send('/dav/', {
      method: 'PROPFIND',
      headers: { Authorization: `Basic ${Buffer.from(`${person.email}:${password}`).toString('base64')}`, Depth: '0' },
    });
  for (let nth = 0; nth < 20; nth += 1) expect((await look(PASSWORD)).status).toBe(207);
  expect(hashed).toHaveBeenCalledTimes(1);
  hashed.mockRestore();
  const change = { currentPassword: PASSWORD, newPassword: 'another perfectly fine password' };
  using own = new DavClient(gateway, person.token);
  expect((await own.json('POST', '/api/auth/password', change)).status).toBeLessThan(300);
  expect((await look(PASSWORD)).status).toBe(401);
  expect((await look(change.newPassword)).status).toBe(207);
});
