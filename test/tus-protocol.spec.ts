import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from './support/gateway.js';
import { call, newPerson, signIn } from './support/people.js';
import { startTusReference } from './support/tus-reference.js';

interface Server {
  readonly url: string;
  readonly headers: Record<string, string>;
}

let gateway: TestGateway;
let reference: Awaited<ReturnType<typeof startTusReference>>;
let ours: Server;
let others: Server;
let stranger: string;

beforeAll(async () => {
  [gateway, reference] = [await startGateway(), await startTusReference()];
  const token = await signIn(gateway);
  stranger = (await newPerson(gateway, token, ['user'])).token;
  ours = { url: gateway.url, headers: { Authorization: `Bearer ${token}` } };
  others = { url: reference.url, headers: {} };
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await reference?.stop();
});

const TUS = { 'Tus-Resumable': '1.0.0' };
const PART = { ...TUS, 'Content-Type': 'application/offset+octet-stream' };
const base64 = (text: string) => Buffer.from(text).toString('base64');
let names = 0;
const meta = (path = `f${(names += 1)}.bin`) => ({ 'Upload-Metadata': `path ${base64(path)}` });
const begin = (length: number, more: Record<string, string> = {}) => ({
  ...TUS,
  ...meta(),
  'Upload-Length': String(length),
  ...more,
});
const at = (offset: number | string, more: Record<string, string> = {}) => ({
  ...PART,
  'Upload-Offset': String(offset),
  ...more,
});

type Headers = Record<string, string>;
async function send(server: Server, method: string, path: string, headers: Headers, body?: string | Buffer) {
  const answer = await fetch(path.startsWith('http') ? path : server.url + path, {
    method,
    headers: { ...server.headers, ...headers },
    body,
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}
const create = async (server: Server, headers: Headers, body?: string) => {
  const answer = await send(server, 'POST', '/api/uploads', headers, body);
  expect(answer.status).toBe(201);
  return answer.headers.get('location')!;
};
const offsetOf = async (server: Server, place: string) =>
  (await send(server, 'HEAD', place, TUS)).headers.get('upload-offset');

/** One request about an upload of ten bytes of which four have come. */
interface Case {
  readonly name: string;
  readonly method: string;
  readonly on: 'collection' | 'upload' | 'nothing';
  readonly headers: () => Headers;
  readonly body?: string;
  readonly status: number | readonly number[];
  /** What the reference answers where it does not go by the protocol's text; null: it does not do this at all. */
  readonly reference?: number | null;
  readonly answers?: Record<string, string | RegExp | null>;
  /** Where the upload stands afterwards. */
  readonly then?: string | null;
}

const cases: readonly Case[] = [
  {
    name: 'OPTIONS tells the version',
    method: 'OPTIONS',
    on: 'collection',
    headers: () => ({}),
    status: 204,
    answers: { 'tus-version': '1.0.0', 'tus-extension': /creation,creation-with-upload/ },
  },
  {
    name: 'OPTIONS needs no Tus-Resumable',
    method: 'OPTIONS',
    on: 'upload',
    headers: () => ({}),
    status: 204,
    answers: { 'tus-version': '1.0.0' },
    then: '4',
  },
  {
    name: 'POST makes an upload',
    method: 'POST',
    on: 'collection',
    headers: () => begin(10),
    status: 201,
    answers: { location: /\/api\/uploads\/.+/, 'tus-resumable': '1.0.0' },
  },
  {
    name: 'POST of nothing makes a finished one',
    method: 'POST',
    on: 'collection',
    headers: () => begin(0),
    status: 201,
    answers: { location: /./ },
  },
  {
    name: 'POST with the length deferred',
    method: 'POST',
    on: 'collection',
    headers: () => ({ ...TUS, ...meta(), 'Upload-Defer-Length': '1' }),
    status: 201,
  },
  {
    name: 'POST with a deferral that is not 1',
    method: 'POST',
    on: 'collection',
    headers: () => ({ ...TUS, ...meta(), 'Upload-Defer-Length': '2' }),
    status: 400,
  },
  {
    name: 'POST with both a length and a deferral',
    method: 'POST',
    on: 'collection',
    headers: () => ({ ...begin(10), 'Upload-Defer-Length': '1' }),
    status: 400,
  },
  { name: 'POST with neither', method: 'POST', on: 'collection', headers: () => ({ ...TUS, ...meta() }), status: 400 },
  {
    name: 'POST with a negative length',
    method: 'POST',
    on: 'collection',
    headers: () => ({ ...begin(1), 'Upload-Length': '-1' }),
    status: 400,
  },
  {
    name: 'POST with a length that is no number',
    method: 'POST',
    on: 'collection',
    headers: () => ({ ...begin(1), 'Upload-Length': 'ten' }),
    status: 400,
  },
  {
    name: 'POST with half a byte',
    method: 'POST',
    on: 'collection',
    headers: () => ({ ...begin(1), 'Upload-Length': '1.5' }),
    status: 400,
  },
  {
    name: 'POST without Tus-Resumable',
    method: 'POST',
    on: 'collection',
    headers: () => ({ ...meta(), 'Upload-Length': '10' }),
    status: 412,
  },
  {
    name: 'POST in another version',
    method: 'POST',
    on: 'collection',
    headers: () => ({ ...begin(10), 'Tus-Resumable': '0.2.2' }),
    status: 412,
    reference: 400,
  },
  {
    name: 'POST with a first part',
    method: 'POST',
    on: 'collection',
    headers: () => ({ ...begin(10), 'Content-Type': PART['Content-Type'] }),
    body: 'abcd',
    status: 201,
    answers: { 'upload-offset': '4' },
  },
  {
    name: 'POST with all of it',
    method: 'POST',
    on: 'collection',
    headers: () => ({ ...begin(4), 'Content-Type': PART['Content-Type'] }),
    body: 'abcd',
    status: 201,
    answers: { 'upload-offset': '4' },
  },
  {
    name: 'POST with metadata that is no Base64',
    method: 'POST',
    on: 'collection',
    headers: () => ({ ...begin(10), 'Upload-Metadata': 'path §$%' }),
    status: 400,
  },
  {
    name: 'POST with a key said twice',
    method: 'POST',
    on: 'collection',
    headers: () => ({ ...begin(10), 'Upload-Metadata': 'path YQ==,path Yg==' }),
    status: [400, 201],
  },
  {
    name: 'HEAD tells where it stands',
    method: 'HEAD',
    on: 'upload',
    headers: () => TUS,
    status: 200,
    answers: {
      'upload-offset': '4',
      'upload-length': '10',
      'cache-control': /no-store/,
      'tus-resumable': '1.0.0',
      'upload-metadata': /^path /,
    },
  },
  {
    name: 'HEAD of nothing',
    method: 'HEAD',
    on: 'nothing',
    headers: () => TUS,
    status: [404, 410],
    answers: { 'upload-offset': null },
  },
  { name: 'HEAD without Tus-Resumable', method: 'HEAD', on: 'upload', headers: () => ({}), status: 412, then: '4' },
  {
    name: 'HEAD in another version',
    method: 'HEAD',
    on: 'upload',
    headers: () => ({ 'Tus-Resumable': '2.0.0' }),
    status: 412,
    reference: 400,
    answers: { 'tus-version': '1.0.0' },
  },
  {
    name: 'PATCH goes on',
    method: 'PATCH',
    on: 'upload',
    headers: () => at(4),
    body: 'ef',
    status: 204,
    answers: { 'upload-offset': '6', 'tus-resumable': '1.0.0' },
    then: '6',
  },
  {
    name: 'PATCH to the end',
    method: 'PATCH',
    on: 'upload',
    headers: () => at(4),
    body: 'efghij',
    status: 204,
    answers: { 'upload-offset': '10' },
    then: '10',
  },
  {
    name: 'PATCH of nothing',
    method: 'PATCH',
    on: 'upload',
    headers: () => at(4),
    body: '',
    status: 204,
    answers: { 'upload-offset': '4' },
    then: '4',
  },
  {
    name: 'PATCH at an earlier byte',
    method: 'PATCH',
    on: 'upload',
    headers: () => at(2),
    body: 'x',
    status: 409,
    then: '4',
  },
  {
    name: 'PATCH at a later byte',
    method: 'PATCH',
    on: 'upload',
    headers: () => at(5),
    body: 'x',
    status: 409,
    then: '4',
  },
  {
    name: 'PATCH beyond the end',
    method: 'PATCH',
    on: 'upload',
    headers: () => at(11),
    body: 'x',
    status: 409,
    then: '4',
  },
  {
    name: 'PATCH without an offset',
    method: 'PATCH',
    on: 'upload',
    headers: () => PART,
    body: 'x',
    status: [400, 403],
    then: '4',
  },
  {
    name: 'PATCH at a negative byte',
    method: 'PATCH',
    on: 'upload',
    headers: () => at(-4),
    body: 'x',
    status: [400, 403, 412],
    then: '4',
  },
  {
    name: 'PATCH at a byte that is no number',
    method: 'PATCH',
    on: 'upload',
    headers: () => at('four'),
    body: 'x',
    status: [400, 403, 412],
    then: '4',
  },
  {
    name: 'PATCH of another type',
    method: 'PATCH',
    on: 'upload',
    headers: () => ({ ...at(4), 'Content-Type': 'application/octet-stream' }),
    body: 'x',
    status: [400, 412, 415],
    then: '4',
  },
  {
    name: 'PATCH without Tus-Resumable',
    method: 'PATCH',
    on: 'upload',
    headers: () => ({ 'Content-Type': PART['Content-Type'], 'Upload-Offset': '4' }),
    body: 'x',
    status: 412,
    then: '4',
  },
  {
    name: 'PATCH of nothing there',
    method: 'PATCH',
    on: 'nothing',
    headers: () => at(0),
    body: 'x',
    status: [404, 410],
  },
  {
    name: 'PATCH with a length that contradicts',
    method: 'PATCH',
    on: 'upload',
    headers: () => at(4, { 'Upload-Length': '12' }),
    body: 'x',
    status: 400,
    then: '4',
  },
  {
    name: 'POST instead of PATCH',
    method: 'POST',
    on: 'upload',
    headers: () => at(4, { 'X-HTTP-Method-Override': 'PATCH' }),
    body: 'ef',
    reference: null,
    status: 204,
    answers: { 'upload-offset': '6' },
    then: '6',
  },
  {
    name: 'DELETE ends it',
    method: 'DELETE',
    on: 'upload',
    headers: () => TUS,
    status: 204,
    answers: { 'tus-resumable': '1.0.0' },
    then: null,
  },
  { name: 'DELETE of nothing there', method: 'DELETE', on: 'nothing', headers: () => TUS, status: [404, 410] },
  { name: 'DELETE without Tus-Resumable', method: 'DELETE', on: 'upload', headers: () => ({}), status: 412, then: '4' },
];

describe.each([
  ['Tessera', () => ours],
  ['the reference', () => others],
])('tus as %s speaks it', (name, server) => {
  const theirs = name === 'the reference';
  const known = cases.filter(({ reference: answer }) => !theirs || answer !== null);
  it.each(known)('$name', async ({ method, on, headers, body, status, answers = {}, then, reference: instead }) => {
    const place =
      on === 'collection'
        ? '/api/uploads'
        : on === 'nothing'
          ? '/api/uploads/0193a000-0000-7000-8000-00000000beef'
          : await create(server(), { ...begin(10), 'Content-Type': PART['Content-Type'] }, 'abcd');
    const answer = await send(server(), method, place, headers(), body);
    expect([(theirs && instead) || status].flat(), answer.text).toContain(answer.status);
    if (theirs && instead) return;
    for (const [name, value] of Object.entries(answers)) {
      if (value === null || typeof value === 'string') expect(answer.headers.get(name)).toBe(value);
      else expect(answer.headers.get(name)).toMatch(value);
    }
    if (then !== undefined) expect(await offsetOf(server(), place)).toBe(then);
  });

  it('takes a deferred length later, once', async () => {
    const place = await create(server(), { ...TUS, ...meta(), 'Upload-Defer-Length': '1' });
    expect((await send(server(), 'HEAD', place, TUS)).headers.get('upload-defer-length')).toBe('1');
    expect((await send(server(), 'PATCH', place, at(0), 'ab')).status).toBe(204);
    expect((await send(server(), 'PATCH', place, at(2, { 'Upload-Length': '4' }), 'cd')).status).toBe(204);
    const told = await send(server(), 'HEAD', place, TUS);
    expect([told.headers.get('upload-length'), told.headers.get('upload-offset')]).toEqual(['4', '4']);
  });
});

describe('tus, beyond what the reference does', () => {
  const sum = (algorithm: string, text: string) => ({
    'Upload-Checksum': `${algorithm} ${createHash(algorithm).update(text).digest('base64')}`,
  });
  const content = (path: string) => call(gateway, `/api/content/${path}`, { headers: ours.headers });

  it.each(['sha1', 'sha256', 'sha512', 'md5'])('holds a part to its checksum (%s)', async (algorithm) => {
    const place = await create(ours, begin(6));
    expect((await send(ours, 'PATCH', place, at(0, sum(algorithm, 'abc')), 'abX')).status).toBe(460);
    expect(await offsetOf(ours, place)).toBe('0');
    expect((await send(ours, 'PATCH', place, at(0, sum(algorithm, 'abc')), 'abc')).status).toBe(204);
    expect((await send(ours, 'PATCH', place, at(3, sum(algorithm, 'def')), 'def')).status).toBe(204);
    expect(await offsetOf(ours, place)).toBe('6');
  });

  it.each([
    ['an algorithm that nobody knows', { 'Upload-Checksum': 'crc32 AAAA' }],
    ['no digest', { 'Upload-Checksum': 'sha1' }],
    ['a digest that is no Base64', { 'Upload-Checksum': 'sha1 §' }],
  ])('refuses a checksum with %s', async (_what, headers) => {
    const place = await create(ours, begin(6));
    const encoded = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, Buffer.from(value).toString('latin1')]),
    );
    expect((await send(ours, 'PATCH', place, at(0, encoded), 'abc')).status).toBe(400);
    expect(await offsetOf(ours, place)).toBe('0');
  });

  it.each([
    ['a name of a folder that is not there yet', 'Albums/2026/a.jpg', 201],
    ['a way up', '../a', 400],
    ['a name of nothing', 'a//b', 400],
    ['the top', '', 400],
    ['a name with NUL', 'a%00b', 400],
    ['a slash in a name', 'a%2Fb', 400],
    ['what is no percent code', 'a%zz', 400],
    ['300 bytes', 'x'.repeat(300), 400],
  ])('answers a path that is %s as PUT does', async (_what, path, status) => {
    const answer = await send(ours, 'POST', '/api/uploads', begin(1, meta(path)));
    expect([status, status === 400 ? 409 : status]).toContain(answer.status);
  });

  it('makes the file what was sent, with its type and time, visible only when it is whole', async () => {
    const bytes = randomBytes(100_000);
    const path = 'Whole/photo.jpg';
    const headers = {
      ...begin(bytes.length),
      'Upload-Metadata': `path ${base64(path)},filetype ${base64('image/jpeg')},mtime ${base64('1700000000')}`,
    };
    const place = await create(ours, headers);
    for (let offset = 0; offset < bytes.length; offset += 40_000) {
      expect((await content(path)).status).toBe(404);
      const part = bytes.subarray(offset, offset + 40_000);
      expect((await send(ours, 'PATCH', place, at(offset), part)).status).toBe(204);
    }
    const record = (await call(gateway, `/api/tree/${path}`, { headers: ours.headers })).json();
    expect(record).toMatchObject({
      size: bytes.length,
      contentType: 'image/jpeg',
      modifiedAt: '2023-11-14T22:13:20.000Z',
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    const answer = await fetch(`${gateway.url}/api/content/${path}`, { headers: ours.headers });
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it.each(['HEAD', 'PATCH', 'DELETE'])('shows nobody else an upload (%s)', async (method) => {
    const place = await create(ours, begin(4));
    const other = { url: ours.url, headers: { Authorization: `Bearer ${stranger}` } };
    expect((await send(other, method, place, at(0), method === 'PATCH' ? 'abcd' : undefined)).status).toBe(404);
    expect(await offsetOf(ours, place)).toBe('0');
  });

  it('refuses what is longer than was said, and keeps nothing of it', async () => {
    const place = await create(ours, begin(4));
    expect((await send(ours, 'PATCH', place, at(0), 'abcdef')).status).toBe(413);
    expect(await offsetOf(ours, place)).toBe('0');
  });

  it('refuses what the quota cannot hold before a byte is sent, counting what other uploads have stored', async () => {
    const token = ours.headers['Authorization']!.slice(7);
    const person = await newPerson(gateway, token, ['user']);
    const body = { quotaBytes: 1000 };
    await call(gateway, `/api/admin/users/${person.id}`, { method: 'PATCH', token, body });
    const theirs = { url: ours.url, headers: { Authorization: `Bearer ${person.token}` } };
    expect((await send(theirs, 'POST', '/api/uploads', begin(1001))).status).toBe(507);
    const first = await create(theirs, begin(1000));
    expect((await send(theirs, 'PATCH', first, at(0), 'x'.repeat(600))).status).toBe(204);
    expect((await send(theirs, 'POST', '/api/uploads', begin(500))).status).toBe(507);
    const deferred = await create(theirs, { ...TUS, ...meta(), 'Upload-Defer-Length': '1' });
    expect((await send(theirs, 'PATCH', deferred, at(0), 'x'.repeat(500))).status).toBe(507);
    expect((await send(theirs, 'PATCH', first, at(600), 'x'.repeat(400))).status).toBe(204);
  });
});
