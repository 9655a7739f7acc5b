import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DavClient, textOf } from './support/dav.js';
import { FIRST_ACCOUNT, startGateway, type TestGateway } from './support/gateway.js';
import { malformedAt, oddPaths, pathForms } from './support/strange-asks.js';
import { naughtyNames } from './support/naughty-names.js';
import { signIn } from './support/people.js';
import { rawConnection, statusOf } from './support/raw.js';

let gateway: TestGateway;
let client: DavClient;
beforeAll(async () => {
  gateway = await startGateway();
  client = new DavClient(gateway, await signIn(gateway));
  await client.put('file', 'x');
  await client.put('folder/inner', 'x');
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
});

/** A request as no program would write it, on a connection of its own. */
async function raw(method: string, target: string, headers: readonly string[] = [], body = ''): Promise<number> {
  using connection = await rawConnection(gateway);
  const head = [
    `${method} ${target} HTTP/1.1`,
    'Host: x',
    `Authorization: Bearer ${client.token}`,
    'Connection: close',
    ...headers,
  ];
  await connection.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  return statusOf(await connection.end(20_000));
}

const isRefused = (status: number): boolean => status >= 400 && status < 500;

const entities = (count: number): string =>
  `<!DOCTYPE l [<!ENTITY a0 "ha">${Array.from({ length: count }, (_, nth) => `<!ENTITY a${nth + 1} "&a${nth};&a${nth};">`).join('')}]><l>&a${count};</l>`;
const BOMBS: [string, string | Buffer][] = [
  ['a billion laughs', entities(30)],
  ['a quadratic blow-up', `<!DOCTYPE q [<!ENTITY x "${'x'.repeat(50_000)}">]><q>${'&x;'.repeat(50_000)}</q>`],
  ['a file of the gateway’s', '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><p>&x;</p>'],
  ['an address inside', '<!DOCTYPE p [<!ENTITY x SYSTEM "http://169.254.169.254/">]><p>&x;</p>'],
  ['parameter entities', '<!DOCTYPE p [<!ENTITY % x SYSTEM "http://127.0.0.1/x.dtd">%x;]><p/>'],
  ['an included file', '<p xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></p>'],
  ['a depth of 100,000', '<a>'.repeat(100_000)],
  ['a depth of 33', `${'<a>'.repeat(33)}${'</a>'.repeat(33)}`],
  ['a hundred thousand elements', `<a>${'<b/>'.repeat(100_000)}</a>`],
  ['a hundred thousand attributes', `<a ${Array.from({ length: 50_000 }, (_, nth) => `a${nth}=""`).join(' ')}/>`],
  ['more than a mebibyte', `<a>${'x'.repeat(1024 * 1024)}</a>`],
  ['ampersands', `<a>${'&'.repeat(1_000_000)}</a>`],
  ['blanks', ' '.repeat(1024 * 1024)],
  ['brackets', '<'.repeat(1024 * 1024)],
  ['UTF-7', '+ADw-a/+AD4-'],
  ['bytes at random', Buffer.from(Array.from({ length: 1000 }, (_, nth) => (nth * 197) % 256))],
  ['JSON', '{"a":1}'],
  ['another document', '<html><body/></html>'],
];

describe('XML', () => {
  it.each(BOMBS)('of %s is refused by every method, and soon', async (_, body) => {
    for (const method of ['PROPFIND', 'PROPPATCH', 'LOCK']) {
      const began = performance.now();
      const { status } = await client.dav(method, 'file', { body, headers: { Depth: '0' } });
      expect([400, 413], method).toContain(status);
      expect(performance.now() - began).toBeLessThan(10_000);
    }
    expect((await client.dav('PROPFIND', 'file', { headers: { Depth: '0' } })).status).toBe(207);
  });

  it('in an encoding is not unpacked', async () => {
    const headers = { 'Content-Encoding': 'gzip', Depth: '0' };
    expect((await client.dav('PROPFIND', 'file', { body: '<a/>', headers })).status).toBe(400);
  });
});

describe('a path', () => {
  const forms = pathForms('/dav');
  const METHODS = [
    'PROPFIND',
    'GET',
    'MKCOL',
    'DELETE',
    'PUT',
    'LOCK',
    'COPY',
    'MOVE',
    'PROPPATCH',
    'UNLOCK',
    'OPTIONS',
    'HEAD',
  ];

  it('of any form, of which there are more than 200, is answered and does no harm', async () => {
    expect(forms.length).toBeGreaterThan(200);
    const asked = forms.flatMap((form, nth) =>
      [0, 5].map((more) => [METHODS[(nth + more) % METHODS.length]!, form] as const),
    );
    for (let at = 0; at < asked.length; at += 8) {
      await Promise.all(
        asked.slice(at, at + 8).map(async ([method, form]) => {
          const status = await raw(method, form, ['Depth: 0', 'Destination: /dav/target', 'Content-Length: 0']);
          expect(status >= 200 && status < 500, `${method} ${form.slice(0, 200)}: ${status}`).toBe(true);
        }),
      );
    }
  });

  it('in the header Destination, or tagged in If, is read as strictly', async () => {
    const bad = oddPaths.filter((path) => !/[\r\n]/.test(path) && path.length < 1000);
    for (const path of bad) {
      const moved = await raw('COPY', '/dav/file', [`Destination: /dav/x/${path}`]);
      expect(moved >= 200 && moved < 500, `Destination ${path}: ${moved}`).toBe(true);
      const tagged = await raw('PUT', '/dav/file', [`If: </dav/${path}> (<urn:uuid:1>)`, 'Content-Length: 0']);
      expect(isRefused(tagged), `If ${path}: ${tagged}`).toBe(true);
    }
  });

  it('outside of the tree is none', async () => {
    for (const target of [
      '/dav/../api/auth/me',
      '/dav/%2e%2e/api/auth/me',
      '/davx',
      '/DAV/',
      '/dav/..',
      '/api/../dav/file',
      '//dav/file',
    ]) {
      expect([400, 404], target).toContain(await raw('GET', target));
    }
  });

  it.each([
    ['on another server', 'http://elsewhere.example/dav/x', 400],
    ['outside of the door', '/api/content/x', 400],
    ['missing', '', 400],
    ['no address', 'x', 400],
    ['the root', '/dav/', 409],
    ['itself', '/dav/file', 403],
    ['itself, spelled otherwise', '/dav/%66ile', 403],
  ])('to go to is refused when it is %s', async (_, destination, status) => {
    for (const method of ['COPY', 'MOVE']) {
      expect((await client.dav(method, 'file', { headers: { Destination: destination } })).status).toBe(status);
    }
  });
});

describe('a naughty name', () => {
  it('is a name like any other, and is shown in XML that can be read', async () => {
    const folder = 'naughty';
    await client.makeFolder(folder);
    const made: string[] = [];
    for (const name of naughtyNames) {
      const path = `${folder}/${encodeURIComponent(name)}`;
      const { status } = await client.dav('PUT', path, { body: name });
      expect([201, 204, 400], JSON.stringify(name)).toContain(status);
      if (status !== 400) made.push(name);
    }
    const shown = (await client.propfind(folder, 1, 'displayname', 'getcontentlength')).slice(1);
    const names = shown.map(({ href }) => decodeURIComponent(href.slice(`/dav/${folder}/`.length)));
    expect(new Set(names.map((name) => name.normalize('NFC')))).toEqual(
      new Set(made.map((name) => name.normalize('NFC'))),
    );
    for (const { href, found } of shown.slice(0, 60)) {
      expect(textOf(found.get('displayname')).length).toBeGreaterThan(0);
      const moved = `${gateway.url}${href}-moved`;
      expect((await client.send(href, { method: 'MOVE', headers: { Destination: moved } })).status).toBeLessThan(500);
    }
  }, 120_000);
});

describe('a header that makes no sense is refused', () => {
  it.each<[string, string, string[]]>([
    ['PROPFIND', 'Depth', ['2', '-1', 'x', '0, 1', '']],
    ['COPY', 'Depth', ['1', 'x']],
    ['MOVE', 'Depth', ['0', '1']],
    ['DELETE', 'Depth', ['0', '1']],
    ['LOCK', 'Depth', ['1']],
    ['COPY', 'Overwrite', ['X', 'TF', '']],
    ['PUT', 'If', ['', '()', '(', '<a>', '(Not)', 'x', '(<a>', '([v])', '(<a>)'.repeat(1000)]],
    ['UNLOCK', 'Lock-Token', ['', 'x', '<>', '<a> <b>', '<a b>']],
  ])('%s with %s', async (method, header, values) => {
    const body = method === 'LOCK' ? '<a xmlns="DAV:"/>' : undefined;
    for (const value of values) {
      const headers = { Destination: `${gateway.url}/dav/somewhere`, [header]: value };
      const { status } = await client.dav(method, 'file', { headers, body });
      expect(isRefused(status), `${method} ${header}: ${value.slice(0, 50)} was answered ${status}`).toBe(true);
    }
    expect((await client.get('file')).status).toBe(200);
  });

  it('a body where none belongs, a method that there is not, a tree that is too large to list', async () => {
    expect((await client.dav('MKCOL', 'made', { body: '<a/>' })).status).toBe(415);
    expect((await client.dav('POST', 'file', { body: 'x' })).status).toBe(405);
    expect((await client.dav('SEARCH', 'file')).status).toBe(405);
    expect((await client.dav('PROPFIND', '', { headers: { Depth: 'infinity' } })).status).toBe(403);
    expect((await client.dav('PROPFIND', '')).status).toBe(403);
    expect((await client.dav('PUT', 'folder', { body: 'x' })).status).toBe(409);
    expect((await client.dav('PUT', 'file/', { body: 'x' })).status).toBe(409);
    expect((await client.dav('PUT', 'no/parent', { body: 'x' })).status).toBe(409);
    expect((await client.dav('PUT', 'file', { body: 'x', headers: { 'Content-Range': 'bytes 0-0/1' } })).status).toBe(
      400,
    );
    expect((await client.dav('DELETE', '')).status).toBe(409);
    expect((await client.dav('MOVE', '', { headers: { Destination: `${gateway.url}/dav/x` } })).status).toBe(409);
  });
});

describe('a request that is smuggled, cut or malformed', () => {
  const FORMS = malformedAt('/dav/outer', '/dav/smuggled');

  it('lets no second request in, of which there are forty kinds, and is no failure of ours', async () => {
    expect(FORMS.length).toBeGreaterThanOrEqual(40);
    for (const [first, rest] of FORMS) {
      using connection = await rawConnection(gateway);
      await connection.write(
        `${first}\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\nConnection: close\r\n${rest}`,
      );
      connection.socket.end();
      const answer = await connection.end(20_000);
      expect(answer, `${first} ${rest.slice(0, 80)}`).not.toMatch(/HTTP\/1\.1 5\d\d/);
    }
    expect((await client.get('smuggled')).status).toBe(404);
    expect((await client.dav('PROPFIND', 'file', { headers: { Depth: '0' } })).status).toBe(207);
  });
});

describe('a page of another site', () => {
  it.each([
    ['a cookie', () => `Cookie: tessera=${client.token}`],
    ['a password', () => `Authorization: Basic ${btoa(`${FIRST_ACCOUNT.email}:${FIRST_ACCOUNT.password}`)}`],
  ])('cannot use %s that the browser adds by itself', async (_, credentials) => {
    for (const method of ['PROPFIND', 'PUT', 'DELETE', 'MKCOL', 'LOCK', 'MOVE']) {
      using browser = await rawConnection(gateway);
      const head = ['Host: x', 'Origin: https://elsewhere.example', credentials(), 'Depth: 0', 'Destination: /dav/x'];
      await browser.write(`${method} /dav/file HTTP/1.1\r\n${head.join('\r\n')}\r\nConnection: close\r\n\r\n`);
      expect(statusOf(await browser.end()), method).toBe(403);
    }
    expect((await client.get('file')).status).toBe(200);
  });
});
