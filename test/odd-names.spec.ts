import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { signIn } from './support/people.js';
import { rawConnection, statusOf } from './support/raw.js';
import { naughtyNames } from './support/naughty-names.js';

let gateway: TestGateway;
let client: Client;
beforeAll(async () => {
  gateway = await startGateway();
  client = new Client(gateway, await signIn(gateway));
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
});

/** Every byte that is not a letter or a digit encoded, which is what the most careful client does. */
const encoded = (name: string) =>
  [...Buffer.from(name)]
    .map((byte) =>
      /[A-Za-z0-9]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');

/** What RFC 6266 and RFC 8187 let a client read from the header. */
function fileNameOf(disposition: string): string {
  expect(disposition).toMatch(/^[\x20-\x7e]*$/);
  const [, ascii, extended] = /^attachment; filename="([^"\\]*)"; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]*)$/.exec(
    disposition,
  )!;
  expect(ascii).not.toMatch(/[\r\n"\\%]/);
  return decodeURIComponent(extended!);
}

interface Item {
  readonly name: string;
  readonly path: string;
  readonly type: string;
}

async function listAll(folder: string): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined;) {
    const query: string = cursor === '' ? '?limit=7' : `?limit=7&cursor=${encodeURIComponent(cursor)}`;
    const page = (await client.tree(`${folder}${query}`)).json<{ items: Item[]; nextCursor?: string }>();
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}

describe('a naughty name', () => {
  it('is a name like any other: stored, listed in the order of bytes, read back, offered for download, moved, deleted', async () => {
    const keys = new Set(naughtyNames.map((name) => name.normalize('NFC')));
    expect([keys.size, keys.size >= 200]).toEqual([naughtyNames.length, true]);
    for (const name of naughtyNames) {
      const made = await client.put(`names/${encoded(name)}`, name);
      expect([name, made.status, made.json()['name']]).toEqual([name, 201, name]);
      const read = await client.get(`names/${encodeURIComponent(name)}`);
      expect([name, read.status, read.body.toString()]).toEqual([name, 200, name.toWellFormed()]);
      expect(fileNameOf(String(read.headers['content-disposition']))).toBe(name);
    }
    const listed = await listAll('names');
    const inOrder = [...naughtyNames].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(listed.map(({ name }) => name)).toEqual(inOrder);
    for (const { path, name } of listed) {
      const record = await client.tree(path);
      expect([path, record.status, record.json()['name']]).toEqual([path, 200, name]);
    }
    for (const [at, name] of naughtyNames.entries()) {
      const next = naughtyNames[(at + 1) % naughtyNames.length]!;
      const moved = await client.move(`names/${encoded(name)}`, `moved/${encoded(next)}`);
      expect([name, moved.status, moved.json()['name']]).toEqual([name, 200, next]);
    }
    expect(await listAll('names')).toEqual([]);
    for (const name of naughtyNames) {
      const { id } = (await client.tree(`moved/${encoded(name)}`)).json<{ id: string }>();
      expect((await client.remove(`moved/${encoded(name)}`)).status).toBe(204);
      expect((await client.restore(id)).json()['name']).toBe(name);
    }
  });

  it('of a folder holds files', async () => {
    for (const name of naughtyNames.filter((_, nth) => nth % 10 === 0)) {
      const made = await client.put(`folders/${encoded(name)}/x`, 'x');
      expect([name, made.status, made.json()['path']]).toEqual([name, 201, `folders/${encodeURIComponent(name)}/x`]);
    }
  });

  it('never becomes a name on a vault, in a header line, or in an error', async () => {
    const answer = await client.get(`absent/${encoded('\r\nSet-Cookie: x=y\r\n\r\n<script>')}`);
    expect([answer.status, answer.headers['set-cookie']]).toEqual([404, undefined]);
    expect(answer.body.toString()).not.toContain('<script>');
    const read = await client.put(encoded('a\r\nX-Evil: 1'), 'x').then(() => client.get(encoded('a\r\nX-Evil: 1')));
    expect([read.status, read.headers['x-evil']]).toEqual([200, undefined]);
  });
});

describe('two spellings of one name', () => {
  const TWINS: [string, string][] = [
    ['\u00e9', 'e\u0301'],
    ['\u212b', '\u00c5'],
    ['\u1e69', 's\u0307\u0323'],
    ['\uac00', '\u1100\u1161'],
    ['\u03a9', '\u2126'],
    ['\u2002', '\u2000'],
    ['caf\u00e9.txt', 'cafe\u0301.txt'],
  ];

  it.each(TWINS)('%j and %j are one file, and the first spelling stays', async (first, second) => {
    const [a, b] = [`twins/${encoded(first)}`, `twins/${encoded(second)}`];
    const made = await client.put(a, 'one');
    expect((await client.get(b)).body.toString()).toBe('one');
    const changed = await client.put(b, 'two');
    expect([changed.status, changed.json()['id'], changed.json()['name']]).toEqual([200, made.json()['id'], first]);
    expect((await client.put(b, 'x', { 'If-None-Match': '*' })).status).toBe(412);
    expect((await client.makeFolder(b)).status).toBe(409);
    expect((await client.put(`twins/other`, 'x')).status).toBeLessThan(300);
    expect((await client.move('twins/other', b)).type).toBe('exists');
    expect((await client.move(a, b)).json()['name']).toBe(second);
    expect((await client.get(a)).body.toString()).toBe('two');
    expect((await client.remove(a)).status).toBe(204);
  });

  it.each<[string, string]>([
    ['K', '\u212a\u200b'],
    ['a', 'A'],
    ['\u00df', 'SS'],
    ['\uff21', 'A'],
    ['\ufb01', 'fi'],
    ['i', '\u0131'],
    ['\u0430', 'a\u200d'],
    ['x', 'x\u200b'],
    ['x ', 'x'],
    ['x.', 'x..'],
    ['\u202ex', 'x\u202c'],
  ])('%j and %j are two files', async (first, second) => {
    const [a, b] = [`two/${encoded(first)}-1`, `two/${encoded(second)}-1`];
    await client.put(a, 'one');
    await client.put(b, 'two');
    expect([(await client.get(a)).body.toString(), (await client.get(b)).body.toString()]).toEqual(['one', 'two']);
  });
});

describe('a path as it stands in a request line', () => {
  const ask = async (method: string, target: string) => {
    using raw = await rawConnection(gateway);
    const length = method === 'PUT' ? 'Content-Length: 1\r\n' : '';
    await raw.write(
      Buffer.from(
        `${method} ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\n${length}Connection: close\r\n\r\n${method === 'PUT' ? 'x' : ''}`,
        'latin1',
      ),
    );
    const text = await raw.end();
    const body = Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1').toString();
    return { status: statusOf(text), type: /"type":"([a-z-]+)"/.exec(body)?.[1], body };
  };
  const long = (bytes: number) => 'n'.repeat(bytes);

  it.each<[string, string]>([
    ['an encoded slash', 'a%2Fb'],
    ['an encoded slash in small letters', 'a%2fb'],
    ['an encoded NUL', 'a%00b'],
    ['a byte that is no UTF-8', '%ff'],
    ['an encoding that is too long for its letter', '%c0%af'],
    ['a surrogate', '%ed%a0%80'],
    ['a cut letter', 'a%e2%82'],
    ['a letter beyond Unicode', '%f5%80%80%80'],
    ['a percent sign that encodes nothing', '100%'],
    ['a percent sign before one digit', '%4'],
    ['a percent sign before no digits', '%zz'],
    ['an old kind of encoding', '%u0041'],
    ['a name that is empty', 'a//b'],
    ['two slashes at the end', 'a//'],
    ['a slash at the front', '/a'],
    ['a slash at the end', 'a/'],
    ['only slashes', '///'],
    ['.', '.'],
    ['..', '..'],
    ['. encoded', '%2e'],
    ['.. encoded', '%2e%2e'],
    ['.. half encoded', '.%2E'],
    ['. in the middle', 'a/./b'],
    ['.. in the middle', 'a/../b'],
    ['.. at the end', 'a/..'],
    ['.. towards another route', '../tree/x'],
    ['.. beyond the top', '../../../../etc/passwd'],
    ['.. beyond the top, encoded', '%2e%2e/%2e%2e/etc/passwd'],
    ['.. with encoded slashes', '..%2f..%2fetc%2fpasswd'],
    ['a name of 256 bytes', long(256)],
    ['a name of 256 bytes in three-byte letters', `${'%e2%82%ac'.repeat(85)}a`],
    ['a name of 100,000 bytes', long(10_000)],
  ])('with %s is 400 for every method', async (_, path) => {
    for (const [method, route] of [
      ['PUT', 'content'],
      ['GET', 'content'],
      ['HEAD', 'content'],
      ['GET', 'tree'],
      ['DELETE', 'tree'],
      ['GET', 'placement'],
    ]) {
      const { status, type } = await ask(method!, `/api/${route}/${path}`);
      expect([method, route, status]).toEqual([method, route, 400]);
      if (method !== 'HEAD') expect(['bad-name', 'bad-request']).toContain(type);
    }
  });

  it('with a raw byte beyond ASCII is 400: names are percent-encoded', async () => {
    for (const path of ['\xff\xfe', Buffer.from('größe').toString('latin1')]) {
      for (const method of ['PUT', 'GET']) expect((await ask(method, `/api/content/${path}`)).status).toBe(400);
    }
  });

  it.each<[string, string, string]>([
    ['an encoded percent sign', '100%25', '100%'],
    ['an encoding of an encoding', '%252e%252e', '%2e%2e'],
    ['an encoded backslash', '..%5C..%5Cx', '..\\..\\x'],
    ['three dots', '...', '...'],
    ['a dot and a space', '.%20', '. '],
    ['a plus sign, which is no space', 'a+b', 'a+b'],
    ['a semicolon', 'a;b=c', 'a;b=c'],
    ['an encoded question mark', 'a%3Fb', 'a?b'],
    ['an encoded hash', 'a%23b', 'a#b'],
    ['an at sign, a colon and the like', "@:!$&'()*,=~", "@:!$&'()*,=~"],
    ['raw brackets and quotes', '[x]{y}|^`"<>', '[x]{y}|^`"<>'],
    ['a name of 255 bytes', long(255), long(255)],
    ['a name of 255 bytes in three-byte letters', '%e2%82%ac'.repeat(85), '€'.repeat(85)],
    ['a query, which belongs to no name', 'plain?x=../..&y=%zz', 'plain'],
  ])('with %s is a file', async (_, path, name) => {
    const made = await ask('PUT', `/api/content/${path}`);
    expect([made.status, JSON.parse(made.body).name]).toEqual([201, name]);
    expect((await client.get(encoded(name))).body.toString()).toBe('x');
  });

  it('500 levels deep is a path like any other; one that no address can hold is refused, and the gateway goes on', async () => {
    const deep = Array.from({ length: 500 }, (_, level) => `l${level}`).join('/');
    expect((await client.put(`${deep}/file`, 'deep')).status).toBe(201);
    expect((await client.get(`${deep}/file`)).body.toString()).toBe('deep');
    expect((await client.tree(deep)).json<{ items: Item[] }>().items[0]!.path).toBe(`${deep}/file`);
    expect((await client.move(`${deep}/file`, `${deep}/renamed`)).status).toBe(200);
    expect((await client.remove('l0')).status).toBe(204);
    const tooLong = await ask('GET', `/api/content/${'d/'.repeat(20_000)}x`);
    expect([414, 431]).toContain(tooLong.status);
    expect((await client.tree('')).status).toBe(200);
  });

  it('in a body is read by the same rules', async () => {
    await client.put('from-here', 'x');
    for (const to of [
      'a//b',
      '..',
      'a/./b',
      '%2F',
      '%00',
      '%ff',
      'a%2Fb',
      '/a',
      'a/',
      long(256),
      '\ud800',
      'a\u0000b',
    ]) {
      const answer = await client.move('from-here', to);
      expect([to.slice(0, 20), answer.status === 400 ? 'bad-name' : 'validation']).toEqual([
        to.slice(0, 20),
        answer.type,
      ]);
      expect([400, 422]).toContain(answer.status);
    }
    expect((await client.move('from-here', '')).status).toBe(409);
    expect((await client.move('from-here', 'räksmörgås/%C3%A5')).json()['path']).toBe(
      'r%C3%A4ksm%C3%B6rg%C3%A5s/%C3%A5',
    );
  });

  it('under another prefix is no file', async () => {
    for (const target of [
      '/api/contents/x',
      '/api/content',
      '/api/Content/x',
      '/API/content/x',
      '/api//content/x',
      '/api/./content/x',
      '//api/content/x',
      '/api/content%2Fx',
      'http://x/api/content/none',
      '*',
    ]) {
      const { status } = await ask('GET', target);
      expect([target, [400, 404, 409].includes(status)]).toEqual([target, true]);
    }
  });
});
