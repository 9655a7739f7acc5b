import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, type Received } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { signIn } from './support/people.js';
import { rawConnection, statusOf } from './support/raw.js';

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

const sha256 = (body: Buffer | string) => createHash('sha256').update(body).digest();
const reprDigest = (body: Buffer | string) => `sha-256=:${sha256(body).toString('base64')}:`;
const told = ({ status, type }: Received) => [status, type];
let fresh = 0;
const newName = () => `file-${(fresh += 1)}`;

describe('what a PUT answers', () => {
  it('is 201 with the file for a new one, 200 for a new version, with the same record that the tree shows', async () => {
    const path = 'folder/sub/name.txt';
    const made = await client.put(path, 'one', { 'Content-Type': 'text/plain' });
    expect(made.status).toBe(201);
    expect(made.headers['etag']).toBe(made.json()['etag']);
    expect(made.json()).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      type: 'file',
      path,
      name: 'name.txt',
      size: 3,
      contentType: 'text/plain',
      etag: `"${made.json()['version']}"`,
      version: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sha256: sha256('one').toString('hex'),
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      modifiedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    const changed = await client.put(path, 'two!');
    expect([changed.status, changed.json()['id'], changed.json()['size']]).toEqual([200, made.json()['id'], 4]);
    expect(changed.json()['version']).not.toBe(made.json()['version']);
    expect((await client.tree(path)).json()).toEqual(changed.json());
  });

  it('creates an empty file, with and without a length', async () => {
    for (const body of [Buffer.alloc(0), [] as Buffer[], undefined]) {
      const path = newName();
      const made = await client.put(path, body);
      expect([made.status, made.json()['size'], made.json()['sha256']]).toEqual([201, 0, sha256('').toString('hex')]);
      const read = await client.get(path);
      expect([read.status, read.headers['content-length'], read.body.length]).toEqual([200, '0', 0]);
    }
  });

  it('leaves the first spelling of a path', async () => {
    const made = await client.put('a%20folder/A%2dfile', 'x');
    expect(made.json()['path']).toBe('a%20folder/A-file');
  });
});

describe('what is kept of a PUT', () => {
  it.each([
    ['text/plain; charset=utf-8', 'text/plain; charset=utf-8'],
    ['image/svg+xml', 'image/svg+xml'],
    ['text/html', 'text/html'],
    ['application/x-made-up;a="b;c"', 'application/x-made-up;a="b;c"'],
    ['nonsense', 'nonsense'],
    [undefined, 'application/octet-stream'],
    ['', 'application/octet-stream'],
  ])('Content-Type %j comes back as %j', async (sent, expected) => {
    const path = newName();
    const made = await client.put(path, 'x', sent === undefined ? {} : { 'Content-Type': sent });
    expect(made.json()['contentType']).toBe(expected);
    const read = await client.get(path);
    expect(read.headers['content-type']).toBe(expected);
  });

  it.each<[string, string]>([
    ['1234567890', '2009-02-13T23:31:30.000Z'],
    ['1234567890.25', '2009-02-13T23:31:30.250Z'],
    ['0', '1970-01-01T00:00:00.000Z'],
    ['-1', '1969-12-31T23:59:59.000Z'],
    ['-62135596800', '0001-01-01T00:00:00.000Z'],
    ['4102444800', '2100-01-01T00:00:00.000Z'],
    ['253402300799', '9999-12-31T23:59:59.000Z'],
  ])('X-OC-Mtime %s is %s', async (sent, expected) => {
    const path = newName();
    const made = await client.put(path, 'x', { 'X-OC-Mtime': sent });
    expect([made.status, made.headers['x-oc-mtime'], made.json()['modifiedAt']]).toEqual([201, 'accepted', expected]);
    const read = await client.get(path);
    expect(read.status).toBe(200);
    expect(read.headers['last-modified']).toBe(new Date(Math.floor(Date.parse(expected) / 1000) * 1000).toUTCString());
    expect((await client.tree(path)).json()['modifiedAt']).toBe(expected);
  });

  it('without X-OC-Mtime the time is now', async () => {
    const before = Date.now();
    const made = await client.put(newName(), 'x');
    expect(made.headers['x-oc-mtime']).toBeUndefined();
    expect(Date.parse(String(made.json()['modifiedAt']))).toBeGreaterThanOrEqual(before - 1000);
    expect(Date.parse(String(made.json()['modifiedAt']))).toBeLessThanOrEqual(Date.now() + 1000);
  });

  it.each([
    ['the right digest', reprDigest('body'), 201, undefined],
    ['a digest of another algorithm', 'md5=:hBotaJrYa9FhFEdFPCLG/A==:', 201, undefined],
    ['both', `sha-512=:AAAA:, ${reprDigest('body')}`, 201, undefined],
    ['the wrong digest', reprDigest('other'), 422, 'digest-mismatch'],
    ['the wrong one beside another algorithm', `md5=:AAAA:, ${reprDigest('other')}`, 422, 'digest-mismatch'],
    ['no base64', 'sha-256=:%%%:', 400, 'bad-request'],
    ['no colons', `sha-256=${sha256('body').toString('base64')}`, 400, 'bad-request'],
    ['hex', `sha-256=:${sha256('body').toString('hex')}:`, 400, 'bad-request'],
    ['too short a digest', `sha-256=:${sha256('body').subarray(1).toString('base64')}:`, 400, 'bad-request'],
    ['an empty digest', 'sha-256=::', 400, 'bad-request'],
  ])('Repr-Digest with %s', async (_, header, status, type) => {
    const path = newName();
    const answer = await client.put(path, 'body', { 'Repr-Digest': header });
    expect(told(answer)).toEqual([status, type]);
    expect((await client.tree(path)).status).toBe(status === 201 ? 200 : 404);
  });

  it('a wrong digest leaves the version that there was', async () => {
    const path = newName();
    await client.put(path, 'first');
    expect((await client.put(path, 'second', { 'Repr-Digest': reprDigest('third') })).status).toBe(422);
    expect((await client.get(path)).body.toString()).toBe('first');
  });
});

describe('a PUT that cannot be', () => {
  it.each<[string, Record<string, string>]>([
    ['Content-Encoding: gzip', { 'Content-Encoding': 'gzip' }],
    ['Content-Encoding: br', { 'Content-Encoding': 'br' }],
    ['Content-Encoding of several', { 'Content-Encoding': 'identity, gzip' }],
    ['Content-Range', { 'Content-Range': 'bytes 0-3/4' }],
    ['X-OC-Mtime that is a date', { 'X-OC-Mtime': 'Fri, 13 Feb 2009 23:31:30 GMT' }],
    ['X-OC-Mtime that is nothing', { 'X-OC-Mtime': '' }],
    ['X-OC-Mtime in hex', { 'X-OC-Mtime': '0x10' }],
    ['X-OC-Mtime in powers of ten', { 'X-OC-Mtime': '1e3' }],
    ['X-OC-Mtime beyond all time', { 'X-OC-Mtime': '99999999999999' }],
    ['X-OC-Mtime before all time', { 'X-OC-Mtime': '-99999999999999' }],
    ['X-OC-Mtime before what a database can hold', { 'X-OC-Mtime': '-1000000000000' }],
    ['X-OC-Mtime after what a database can hold', { 'X-OC-Mtime': '8639999999999' }],
    ['a Content-Type longer than 255 bytes', { 'Content-Type': `text/${'x'.repeat(251)}` }],
  ])('with %s is 400', async (_, headers) => {
    const path = newName();
    expect(told(await client.put(path, 'body', headers))).toEqual([400, 'bad-request']);
    expect((await client.tree(path)).status).toBe(404);
  });

  it('Content-Encoding: identity is none', async () => {
    expect((await client.put(newName(), 'x', { 'Content-Encoding': 'identity' })).status).toBe(201);
  });

  it('over a folder, on the top folder, and below a file is 409; the tree stays', async () => {
    await client.makeFolder('is-folder');
    await client.put('is-file', 'x');
    expect(told(await client.put('is-folder', 'x'))).toEqual([409, 'is-folder']);
    expect(told(await client.put('', 'x'))).toEqual([409, 'is-folder']);
    expect(told(await client.put('is-file/below', 'x'))).toEqual([409, 'not-a-folder']);
    expect(told(await client.put('is-file/far/below', 'x'))).toEqual([409, 'not-a-folder']);
    expect((await client.get('is-file')).body.toString()).toBe('x');
  });

  it.each<[string, string, string]>([
    ['ends before its length', 'Content-Length: 10\r\n\r\nhalf', 'cut'],
    ['ends within a chunk', 'Transfer-Encoding: chunked\r\n\r\na\r\nhalf', 'cut'],
    ['ends before its last chunk', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', 'cut'],
    ['has a chunk that is none', 'Transfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n0\r\n\r\n', 'broken'],
  ])('%s leaves nothing', async (_, rest, how) => {
    const path = newName();
    using raw = await rawConnection(gateway);
    await raw.write(`PUT /api/content/${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\n${rest}`);
    if (how === 'cut') raw.socket.end();
    const text = await raw.end();
    expect([NaN, 400]).toContain(statusOf(text));
    expect((await client.tree(path)).status).toBe(404);
  });

  it('both lengths, or two that differ, is refused: nobody can smuggle', async () => {
    for (const lengths of [
      'Content-Length: 4\r\nTransfer-Encoding: chunked',
      'Content-Length: 4\r\nContent-Length: 5',
      'Content-Length: -4',
      'Content-Length: 4,4',
      'Content-Length: 0x4',
      'Transfer-Encoding: gzip, chunked',
      'Transfer-Encoding: chunked, identity',
    ]) {
      const path = newName();
      using raw = await rawConnection(gateway);
      await raw.write(
        `PUT /api/content/${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\n${lengths}\r\n\r\nbody0\r\n\r\n`,
      );
      const text = await raw.end();
      expect([lengths, statusOf(text)]).toEqual([lengths, 400]);
      expect((await client.tree(path)).status).toBe(404);
    }
  });
});

describe('the conditions of a PUT', () => {
  it.each<[string, (etag: string) => Record<string, string>, number]>([
    ['If-Match with its tag', (etag) => ({ 'If-Match': etag }), 200],
    ['If-Match with its tag among others', (etag) => ({ 'If-Match': `"x", ${etag}` }), 200],
    ['If-Match: *', () => ({ 'If-Match': '*' }), 200],
    ['If-Match with another tag', () => ({ 'If-Match': '"x"' }), 412],
    ['If-Match with its tag, weak', (etag) => ({ 'If-Match': `W/${etag}` }), 412],
    ['If-Match with an empty tag', () => ({ 'If-Match': '""' }), 412],
    ['If-None-Match: *', () => ({ 'If-None-Match': '*' }), 412],
    ['If-None-Match with its tag', (etag) => ({ 'If-None-Match': etag }), 412],
    ['If-None-Match with another tag', () => ({ 'If-None-Match': '"x"' }), 200],
    ['both, which contradict each other', (etag) => ({ 'If-Match': etag, 'If-None-Match': '*' }), 412],
  ])('%s on a file that is there', async (_, headers, status) => {
    const path = newName();
    const etag = String((await client.put(path, 'one')).headers['etag']);
    const answer = await client.put(path, 'two', headers(etag));
    expect(told(answer)).toEqual([status, status === 412 ? 'precondition-failed' : undefined]);
    expect((await client.get(path)).body.toString()).toBe(status === 412 ? 'one' : 'two');
  });

  it.each<[string, Record<string, string>, number]>([
    ['If-Match: *', { 'If-Match': '*' }, 412],
    ['If-Match with a tag', { 'If-Match': '"x"' }, 412],
    ['If-None-Match: *', { 'If-None-Match': '*' }, 201],
    ['If-None-Match with a tag', { 'If-None-Match': '"x"' }, 201],
  ])('%s where there is none', async (_, headers, status) => {
    expect((await client.put(newName(), 'x', headers)).status).toBe(status);
  });

  it('the tag of a version that was replaced does not match', async () => {
    const path = newName();
    const old = String((await client.put(path, 'one')).headers['etag']);
    await client.put(path, 'two');
    expect((await client.put(path, 'three', { 'If-Match': old })).status).toBe(412);
  });

  it('is asked again when the body has come: another was quicker', async () => {
    const path = newName();
    using raw = await rawConnection(gateway);
    await raw.write(
      `PUT /api/content/${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\n` +
        `If-None-Match: *\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n`,
    );
    await raw.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    expect((await client.put(path, 'quick')).status).toBe(201);
    await raw.write('slow');
    expect(statusOf(await raw.until(/\r\n\r\n.*HTTP\/1\.1 \d{3}/s))).toBe(412);
    expect((await client.get(path)).body.toString()).toBe('quick');
  });
});

describe('Expect: 100-continue', () => {
  const ask = async (path: string, headers: string) => {
    using raw = await rawConnection(gateway);
    await raw.write(`PUT /api/content/${path} HTTP/1.1\r\nHost: x\r\n${headers}Expect: 100-continue\r\n\r\n`);
    return await raw.until(/^HTTP\/1\.1 \d{3} [^]*\r\n\r\n/);
  };
  const bearer = () => `Authorization: Bearer ${client.token}\r\n`;

  it('is answered when nothing speaks against the body, which is then stored', async () => {
    using raw = await rawConnection(gateway);
    await raw.write(
      `PUT /api/content/expected HTTP/1.1\r\nHost: x\r\n${bearer()}Content-Length: 4\r\nExpect: 100-continue\r\n\r\n`,
    );
    expect(await raw.until(/\r\n\r\n/)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    await raw.write('body');
    expect(statusOf(await raw.until(/HTTP\/1\.1 201/))).toBe(201);
    expect((await client.get('expected')).body.toString()).toBe('body');
  });

  it.each<[string, string, () => string, number]>([
    ['nobody is signed in', 'x', () => 'Content-Length: 4\r\n', 401],
    ['the token is wrong', 'x', () => 'Authorization: Bearer nonsense\r\nContent-Length: 4\r\n', 401],
    ['the name cannot be', 'a//b', () => `${bearer()}Content-Length: 4\r\n`, 400],
    ['a folder lies there', 'is-folder', () => `${bearer()}Content-Length: 4\r\n`, 409],
    ['a file lies above', 'is-file/x', () => `${bearer()}Content-Length: 4\r\n`, 409],
    ['the precondition fails', 'is-file', () => `${bearer()}If-None-Match: *\r\nContent-Length: 4\r\n`, 412],
    ['a header is malformed', 'x', () => `${bearer()}X-OC-Mtime: x\r\nContent-Length: 4\r\n`, 400],
    ['no disk could hold it', 'x', () => `${bearer()}Content-Length: ${2 ** 50}\r\n`, 507],
  ])('is not answered when %s', async (_, path, headers, status) => {
    const text = await ask(path, headers());
    expect(text).not.toMatch(/HTTP\/1\.1 100/);
    expect(statusOf(text)).toBe(status);
  });

  it('of anything else is 417', async () => {
    using raw = await rawConnection(gateway);
    await raw.write(
      `PUT /api/content/x HTTP/1.1\r\nHost: x\r\n${bearer()}Content-Length: 4\r\nExpect: the-best\r\n\r\n`,
    );
    expect(statusOf(await raw.until(/HTTP\/1\.1 \d/))).toBe(417);
  });
});

describe('a GET', () => {
  const body = randomBytes(5000);
  let etag: string;
  beforeAll(async () => {
    const made = await client.put('read.bin', body, { 'Content-Type': 'image/png', 'X-OC-Mtime': '1500000000' });
    etag = String(made.headers['etag']);
  });

  it('brings the bytes and says what they are, but never as a page of ours', async () => {
    const read = await client.get('read.bin');
    expect(read.status).toBe(200);
    expect(read.body.equals(body)).toBe(true);
    expect(read.headers).toMatchObject({
      'content-length': '5000',
      'content-type': 'image/png',
      'accept-ranges': 'bytes',
      etag,
      'last-modified': 'Fri, 14 Jul 2017 02:40:00 GMT',
      'repr-digest': reprDigest(body),
      'cache-control': 'private, no-cache',
      'x-content-type-options': 'nosniff',
      'content-disposition': `attachment; filename="read.bin"; filename*=UTF-8''read.bin`,
    });
    expect(read.headers['content-security-policy']).toContain('sandbox');
    expect(read.headers['content-encoding']).toBeUndefined();
    expect(read.headers['transfer-encoding']).toBeUndefined();
    expect(read.headers['x-powered-by']).toBeUndefined();
  });

  it.each<[string, Record<string, string>]>([
    ['plain', {}],
    ['of a range', { Range: 'bytes=10-19' }],
    ['of a range beyond the end', { Range: 'bytes=5000-' }],
    ['that is known', { 'If-None-Match': '*' }],
    ['that wants another', { 'If-Match': '"x"' }],
  ])('%s and a HEAD have the same status and headers', async (_, headers) => {
    const [get, head] = [await client.get('read.bin', headers), await client.head('read.bin', headers)];
    const { date: _d, 'x-request-id': _r, ...ofGet } = get.headers;
    const { date: _e, 'x-request-id': _s, ...ofHead } = head.headers;
    if (get.status >= 400) {
      delete ofGet['content-length'];
      delete ofHead['content-length'];
    }
    expect([head.status, ofHead, head.body.length]).toEqual([get.status, ofGet, 0]);
  });

  it.each<[string, () => Record<string, string>, number]>([
    ['If-None-Match with its tag', () => ({ 'If-None-Match': etag }), 304],
    ['If-None-Match with its tag, weak', () => ({ 'If-None-Match': `W/${etag}` }), 304],
    ['If-None-Match with its tag among others', () => ({ 'If-None-Match': `"x", ${etag}, "y"` }), 304],
    ['If-None-Match: *', () => ({ 'If-None-Match': '*' }), 304],
    ['If-None-Match with another', () => ({ 'If-None-Match': '"x"' }), 200],
    ['If-Match with its tag', () => ({ 'If-Match': etag }), 200],
    ['If-Match: *', () => ({ 'If-Match': '*' }), 200],
    ['If-Match with another', () => ({ 'If-Match': '"x"' }), 412],
    ['If-Match with its tag, weak', () => ({ 'If-Match': `W/${etag}` }), 412],
    ['If-Modified-Since its time', () => ({ 'If-Modified-Since': 'Fri, 14 Jul 2017 02:40:00 GMT' }), 304],
    ['If-Modified-Since later', () => ({ 'If-Modified-Since': 'Sat, 15 Jul 2017 02:40:00 GMT' }), 304],
    ['If-Modified-Since earlier', () => ({ 'If-Modified-Since': 'Fri, 14 Jul 2017 02:39:59 GMT' }), 200],
    ['If-Modified-Since no date', () => ({ 'If-Modified-Since': 'yesterday' }), 200],
    ['If-Unmodified-Since its time', () => ({ 'If-Unmodified-Since': 'Fri, 14 Jul 2017 02:40:00 GMT' }), 200],
    ['If-Unmodified-Since earlier', () => ({ 'If-Unmodified-Since': 'Fri, 14 Jul 2017 02:39:59 GMT' }), 412],
    [
      'a tag, which counts more than a date',
      () => ({ 'If-None-Match': '"x"', 'If-Modified-Since': 'Sat, 15 Jul 2017 02:40:00 GMT' }),
      200,
    ],
    [
      'a matching tag, which counts more than a date',
      () => ({ 'If-Match': etag, 'If-Unmodified-Since': 'Fri, 14 Jul 2017 02:39:59 GMT' }),
      200,
    ],
  ])('with %s', async (_, headers, status) => {
    const answer = await client.get('read.bin', headers());
    expect(answer.status).toBe(status);
    if (status === 200) expect(answer.body.equals(body)).toBe(true);
    if (status === 304) {
      expect([answer.body.length, answer.headers['etag']]).toEqual([0, etag]);
      expect(answer.headers['content-length']).toBeUndefined();
    }
  });

  it('of a folder, and of the top folder, is 409; of nothing 404; below a file 404', async () => {
    expect(told(await client.get('is-folder'))).toEqual([409, 'is-folder']);
    expect(told(await client.get(''))).toEqual([409, 'is-folder']);
    expect(told(await client.get('nothing'))).toEqual([404, 'not-found']);
    expect(told(await client.get('is-file/x'))).toEqual([404, 'not-found']);
    expect((await client.head('is-folder')).status).toBe(409);
    expect((await client.head('nothing')).status).toBe(404);
  });

  it('of a file under ever new versions is always one of them, whole', async () => {
    const versions = Array.from({ length: 30 }, (_, nth) => Buffer.alloc(200_000 + nth, nth));
    await client.put('changing', versions[0]!);
    let writing = true;
    const writer = (async () => {
      for (const version of versions) await client.put('changing', version);
      writing = false;
    })();
    while (writing) {
      const { body: read, whole, headers } = await client.get('changing');
      expect([whole, versions.some((version) => version.equals(read))]).toEqual([true, true]);
      expect(headers['repr-digest']).toBe(reprDigest(read));
    }
    await writer;
  });

  it('of other methods is 405 and names those there are', async () => {
    const answer = await client.send('/api/content/read.bin', { method: 'DELETE' });
    expect(told(answer)).toEqual([405, 'method-not-allowed']);
    expect(String(answer.headers['allow']).split(', ').sort()).toEqual(['GET', 'HEAD', 'OPTIONS', 'PUT']);
  });
});
