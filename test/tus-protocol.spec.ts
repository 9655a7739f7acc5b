import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type TestGateway } from './support/gateway.js';
import { intruder } from './support/inside.js';
import { call, newPerson, signIn } from './support/people.js';
import { startTusReference } from './support/tus-reference.js';

interface Server {
  readonly url: string;
  readonly headers: Record<string, string>;
  /** Ends the time of an upload. */
  expire(place: string): Promise<void>;
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
  ours = { url: gateway.url, headers: { Authorization: `Bearer ${token}` }, expire };
  others = { url: reference.url, headers: {}, expire: async (place) => reference.expire(place) };
});
afterAll(async () => {
  await gateway?.stop();
  await reference?.stop();
});

async function expire(place: string): Promise<void> {
  await using sql = await intruder(gateway);
  await sql.query(`update uploads set expires_at = now() where id = $1`, [place.split('/').at(-1)]);
}

type Headers = Record<string, string>;
type Body = string | Buffer | ReadableStream<Uint8Array>;

const TUS = { 'Tus-Resumable': '1.0.0' };
const TYPE = { 'Content-Type': 'application/offset+octet-stream' };
const PART = { ...TUS, ...TYPE };
const HTTP_DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;
const base64 = (text: string) => Buffer.from(text).toString('base64');
/** An element of a list with commas. */
const listed = (one: string) => new RegExp(`(^|,)${one}(,|$)`);
let names = 0;
const meta = (path = `f${(names += 1)}.bin`) => ({ 'Upload-Metadata': `path ${base64(path)}` });
const begin = (length: number, more: Headers = {}) => ({ ...TUS, ...meta(), 'Upload-Length': String(length), ...more });
const deferred = () => ({ ...TUS, ...meta(), 'Upload-Defer-Length': '1' });
const at = (offset: number | string, more: Headers = {}) => ({ ...PART, 'Upload-Offset': String(offset), ...more });
const sum = (algorithm: string, text: string) => ({
  'Upload-Checksum': `${algorithm} ${createHash(algorithm).update(text).digest('base64')}`,
});
/** A body that comes in pieces, and says nothing of its length. */
const pieces = (...texts: string[]) => ReadableStream.from(texts.map((text) => Buffer.from(text)));

async function send(server: Server, method: string, path: string, headers: Headers, body?: Body) {
  const answer = await fetch(path.startsWith('http') ? path : server.url + path, {
    method,
    headers: { ...server.headers, ...headers },
    body,
    ...(body instanceof ReadableStream && { duplex: 'half' }),
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

/** Begins a request, and breaks the connection when so much of its body is sent. */
async function breakOff(server: Server, place: string, headers: Headers, part: string): Promise<void> {
  const sending = request(new URL(place, server.url), { method: 'PATCH', headers: { ...server.headers, ...headers } });
  const over = once(sending, 'close').catch(() => undefined);
  sending.flushHeaders();
  await new Promise<void>((resolve) => sending.write(part, () => resolve()));
  sending.destroy();
  await over;
}

/** An upload of ten bytes of which four have come, or another that the case begins with. */
const places = {
  collection: async () => '/api/uploads',
  nothing: async () => '/api/uploads/0193a000-0000-7000-8000-00000000beef',
  nonsense: async () => '/api/uploads/nonsense',
  upload: (server: Server) => create(server, { ...begin(10), ...TYPE }, 'abcd'),
  fresh: (server: Server) => create(server, begin(10)),
  finished: (server: Server) => create(server, { ...begin(4), ...TYPE }, 'abcd'),
  deferred: (server: Server) => create(server, { ...deferred(), ...TYPE }, 'abcd'),
  ended: async (server: Server) => {
    const place = await create(server, begin(10));
    expect((await send(server, 'DELETE', place, TUS)).status).toBe(204);
    return place;
  },
  expired: async (server: Server) => {
    const place = await create(server, { ...begin(10), ...TYPE }, 'abcd');
    await server.expire(place);
    return place;
  },
};

interface Asked {
  readonly headers: Headers;
  readonly body?: Body;
  /** What may be answered; where the text leaves it to the server, several. */
  readonly status: number | readonly number[];
  /** What the reference answers where it does not go by the protocol's text. The rest is not looked at then. */
  readonly reference?: number;
  readonly answers?: Record<string, string | RegExp | null>;
  /** Where the upload stands afterwards. */
  readonly then?: string | null;
}

type Case = readonly [method: string, on: keyof typeof places, what: string, asked: () => Asked];

const GONE = [404, 410];

const core: readonly Case[] = [
  [
    'OPTIONS',
    'collection',
    'tells the version',
    () => ({ headers: {}, status: [200, 204], answers: { 'tus-version': '1.0.0' } }),
  ],
  [
    'OPTIONS',
    'upload',
    'is heard without Tus-Resumable',
    () => ({ headers: {}, status: [200, 204], answers: { 'tus-version': '1.0.0' }, then: '4' }),
  ],
  [
    'OPTIONS',
    'collection',
    'is heard with a Tus-Resumable that nobody speaks',
    () => ({ headers: { 'Tus-Resumable': '0.1' }, status: [200, 204], answers: { 'tus-version': '1.0.0' } }),
  ],

  [
    'HEAD',
    'upload',
    'tells where it stands',
    () => ({ headers: TUS, status: [200, 204], answers: { 'upload-offset': '4', 'upload-length': '10' } }),
  ],
  [
    'HEAD',
    'fresh',
    'tells an offset of 0 too',
    () => ({ headers: TUS, status: [200, 204], answers: { 'upload-offset': '0', 'upload-length': '10' } }),
  ],
  [
    'HEAD',
    'finished',
    'tells the offset of what is whole',
    () => ({ headers: TUS, status: [200, 204], answers: { 'upload-offset': '4', 'upload-length': '4' } }),
  ],
  [
    'HEAD',
    'upload',
    'is kept by no cache',
    () => ({ headers: TUS, status: [200, 204], answers: { 'cache-control': /no-store/ } }),
  ],
  [
    'HEAD',
    'finished',
    'of what is whole is kept by no cache',
    () => ({ headers: TUS, status: [200, 204], answers: { 'cache-control': /no-store/ } }),
  ],
  [
    'HEAD',
    'upload',
    'is no place to change the length',
    () => ({ headers: { ...TUS, 'Upload-Length': '12' }, status: [200, 204, 400], then: '4' }),
  ],
  [
    'HEAD',
    'nothing',
    'tells no offset',
    () => ({ headers: TUS, status: [403, ...GONE], answers: { 'upload-offset': null } }),
  ],
  [
    'HEAD',
    'upload',
    'without Tus-Resumable',
    () => ({ headers: {}, status: 412, answers: { 'upload-offset': null }, then: '4' }),
  ],
  [
    'HEAD',
    'upload',
    'in another version',
    () => ({
      headers: { 'Tus-Resumable': '2.0.0' },
      status: 412,
      reference: 400,
      answers: { 'tus-version': '1.0.0' },
      then: '4',
    }),
  ],
  [
    'HEAD',
    'upload',
    'in a version that is none',
    () => ({ headers: { 'Tus-Resumable': '1.0.0, 0.2.2' }, status: 412, reference: 400, then: '4' }),
  ],

  [
    'PATCH',
    'upload',
    'goes on',
    () => ({ headers: at(4), body: 'ef', status: 204, answers: { 'upload-offset': '6' }, then: '6' }),
  ],
  [
    'PATCH',
    'fresh',
    'begins',
    () => ({ headers: at(0), body: 'abc', status: 204, answers: { 'upload-offset': '3' }, then: '3' }),
  ],
  [
    'PATCH',
    'upload',
    'to the end',
    () => ({ headers: at(4), body: 'efghij', status: 204, answers: { 'upload-offset': '10' }, then: '10' }),
  ],
  [
    'PATCH',
    'upload',
    'of nothing',
    () => ({ headers: at(4), body: '', status: 204, answers: { 'upload-offset': '4' }, then: '4' }),
  ],
  [
    'PATCH',
    'upload',
    'of a length that it does not tell',
    () => ({ headers: at(4), body: pieces('e', 'fg'), status: 204, answers: { 'upload-offset': '7' }, then: '7' }),
  ],
  [
    'PATCH',
    'finished',
    'of nothing, to what is whole',
    () => ({ headers: at(4), body: '', status: 204, answers: { 'upload-offset': '4' }, then: '4' }),
  ],
  ['PATCH', 'upload', 'at an earlier byte', () => ({ headers: at(2), body: 'x', status: 409, then: '4' })],
  ['PATCH', 'upload', 'at the beginning', () => ({ headers: at(0), body: 'abcdefghij', status: 409, then: '4' })],
  ['PATCH', 'upload', 'at a later byte', () => ({ headers: at(5), body: 'x', status: 409, then: '4' })],
  ['PATCH', 'upload', 'beyond the end', () => ({ headers: at(11), body: 'x', status: 409, then: '4' })],
  [
    'PATCH',
    'finished',
    'at the beginning of what is whole',
    () => ({ headers: at(0), body: 'abcd', status: 409, then: '4' }),
  ],
  [
    'PATCH',
    'finished',
    'after the end of what is whole',
    () => ({ headers: at(4), body: 'x', status: [400, 403, 409, 413], then: '4' }),
  ],
  [
    'PATCH',
    'upload',
    'of more than the upload is long',
    () => ({ headers: at(4), body: 'efghijk', status: [400, 413], then: '4' }),
  ],
  [
    'PATCH',
    'upload',
    'of more than it is long, of a length that it does not tell',
    () => ({ headers: at(4), body: pieces('efg', 'hijk'), status: [400, 413] }),
  ],
  ['PATCH', 'upload', 'without an offset', () => ({ headers: PART, body: 'x', status: [400, 403], then: '4' })],
  ['PATCH', 'upload', 'at a negative byte', () => ({ headers: at(-4), body: 'x', status: 400, then: '4' })],
  [
    'PATCH',
    'upload',
    'at a byte that is no number',
    () => ({ headers: at('four'), body: 'x', status: 400, then: '4' }),
  ],
  ['PATCH', 'upload', 'at a byte and a half', () => ({ headers: at('4.5'), body: 'x', status: 400, then: '4' })],
  [
    'PATCH',
    'upload',
    'at a byte written in hexadecimal',
    () => ({ headers: at('0x4'), body: 'x', status: 400, then: '4' }),
  ],
  [
    'PATCH',
    'upload',
    'at a byte beyond all numbers',
    () => ({ headers: at('9'.repeat(30)), body: 'x', status: 400, then: '4' }),
  ],
  [
    'PATCH',
    'upload',
    'of another type',
    () => ({
      headers: { ...at(4), 'Content-Type': 'application/octet-stream' },
      body: 'x',
      status: 415,
      reference: 400,
      then: '4',
    }),
  ],
  [
    'PATCH',
    'upload',
    'of a type that others read',
    () => ({
      headers: { ...at(4), 'Content-Type': 'application/json' },
      body: '{}',
      status: 415,
      reference: 400,
      then: '4',
    }),
  ],
  [
    'PATCH',
    'upload',
    'of no type',
    () => ({
      headers: { ...TUS, 'Upload-Offset': '4' },
      body: Buffer.from('x'),
      status: 415,
      reference: 403,
      then: '4',
    }),
  ],
  [
    'PATCH',
    'upload',
    'without Tus-Resumable',
    () => ({ headers: { ...TYPE, 'Upload-Offset': '4' }, body: 'x', status: 412, then: '4' }),
  ],
  [
    'PATCH',
    'upload',
    'in another version',
    () => ({
      headers: { ...at(4), 'Tus-Resumable': '0.2.2' },
      body: 'x',
      status: 412,
      reference: 400,
      answers: { 'tus-version': '1.0.0' },
      then: '4',
    }),
  ],
  [
    'PATCH',
    'nothing',
    'of nothing there',
    () => ({ headers: at(0), body: 'x', status: GONE, answers: { 'upload-offset': null } }),
  ],
  [
    'PATCH',
    'upload',
    'with a length that contradicts',
    () => ({ headers: at(4, { 'Upload-Length': '12' }), body: 'x', status: 400, then: '4' }),
  ],

  [
    'POST',
    'upload',
    'stands for PATCH',
    () => ({
      headers: at(4, { 'X-HTTP-Method-Override': 'PATCH' }),
      body: 'ef',
      status: 204,
      reference: 400,
      answers: { 'upload-offset': '6' },
      then: '6',
    }),
  ],
  [
    'POST',
    'upload',
    'stands for DELETE',
    () => ({ headers: { ...TUS, 'X-HTTP-Method-Override': 'DELETE' }, status: 204, reference: 400, then: null }),
  ],
  [
    'POST',
    'upload',
    'stands for HEAD',
    () => ({
      headers: { ...TUS, 'X-HTTP-Method-Override': 'HEAD' },
      status: [200, 204],
      reference: 400,
      answers: { 'upload-offset': '4', 'cache-control': /no-store/ },
      then: '4',
    }),
  ],
  [
    'POST',
    'upload',
    'stands for nothing that there is',
    () => ({ headers: at(4, { 'X-HTTP-Method-Override': 'PURGE' }), body: 'ef', status: [400, 405, 501], then: '4' }),
  ],
  ['POST', 'upload', 'stands for itself', () => ({ headers: at(4), body: 'ef', status: [400, 404, 405], then: '4' })],
];

const addresses: readonly Case[] = ['HEAD', 'PATCH', 'DELETE'].map((method) => [
  method,
  'nonsense',
  'at an address that no upload ever had',
  () => ({ headers: method === 'PATCH' ? at(0) : TUS, body: method === 'PATCH' ? 'x' : undefined, status: GONE }),
]);

const creation: readonly Case[] = [
  [
    'OPTIONS',
    'collection',
    'announces creation',
    () => ({ headers: {}, status: [200, 204], answers: { 'tus-extension': listed('creation') } }),
  ],
  [
    'POST',
    'collection',
    'makes an upload',
    () => ({ headers: begin(10), status: 201, answers: { location: /\/api\/uploads\/.+/ } }),
  ],
  [
    'POST',
    'collection',
    'of nothing makes a finished one',
    () => ({ headers: begin(0), status: 201, answers: { location: /./, 'upload-expires': null } }),
  ],
  [
    'POST',
    'collection',
    'with neither a length nor a deferral',
    () => ({ headers: { ...TUS, ...meta() }, status: 400, answers: { location: null } }),
  ],
  [
    'POST',
    'collection',
    'with a negative length',
    () => ({ headers: { ...begin(1), 'Upload-Length': '-1' }, status: 400, answers: { location: null } }),
  ],
  [
    'POST',
    'collection',
    'with a length that is no number',
    () => ({ headers: { ...begin(1), 'Upload-Length': 'ten' }, status: 400 }),
  ],
  ['POST', 'collection', 'with half a byte', () => ({ headers: { ...begin(1), 'Upload-Length': '1.5' }, status: 400 })],
  [
    'POST',
    'collection',
    'with a length written with an exponent',
    () => ({ headers: { ...begin(1), 'Upload-Length': '1e3' }, status: 400 }),
  ],
  [
    'POST',
    'collection',
    'with a length beyond all numbers',
    () => ({ headers: { ...begin(1), 'Upload-Length': '9'.repeat(30) }, status: [400, 413] }),
  ],
  [
    'POST',
    'collection',
    'with an empty length',
    () => ({ headers: { ...begin(1), 'Upload-Length': '' }, status: 400 }),
  ],
  [
    'POST',
    'collection',
    'without Tus-Resumable',
    () => ({ headers: { ...meta(), 'Upload-Length': '10' }, status: 412, answers: { location: null } }),
  ],
  [
    'POST',
    'collection',
    'in another version',
    () => ({
      headers: { ...begin(10), 'Tus-Resumable': '0.2.2' },
      status: 412,
      reference: 400,
      answers: { 'tus-version': '1.0.0', location: null },
    }),
  ],
  [
    'POST',
    'collection',
    'with no metadata',
    () => ({ headers: { ...TUS, 'Upload-Length': '10' }, status: [201, 400] }),
  ],
  [
    'POST',
    'collection',
    'with metadata that is no Base64',
    () => ({ headers: { ...begin(10), 'Upload-Metadata': 'path §$%' }, status: 400 }),
  ],
  [
    'POST',
    'collection',
    'with metadata that is cut Base64',
    () => ({ headers: { ...begin(10), 'Upload-Metadata': 'path YQ' }, status: 400 }),
  ],
  [
    'POST',
    'collection',
    'with two values of one key',
    () => ({ headers: { ...begin(10), 'Upload-Metadata': 'path YQ== Yg==' }, status: 400 }),
  ],
  [
    'POST',
    'collection',
    'with a key said twice',
    () => ({ headers: { ...begin(10), 'Upload-Metadata': 'path YQ==,path Yg==' }, status: 400 }),
  ],
  [
    'POST',
    'collection',
    'with a key that has no value',
    () => ({ headers: { ...begin(10), 'Upload-Metadata': `${meta()['Upload-Metadata']},secret` }, status: 201 }),
  ],

  [
    'OPTIONS',
    'collection',
    'announces that the length may be deferred',
    () => ({ headers: {}, status: [200, 204], answers: { 'tus-extension': listed('creation-defer-length') } }),
  ],
  [
    'POST',
    'collection',
    'with the length deferred',
    () => ({ headers: deferred(), status: 201, answers: { location: /./ } }),
  ],
  [
    'POST',
    'collection',
    'with a deferral that is not 1',
    () => ({ headers: { ...deferred(), 'Upload-Defer-Length': '2' }, status: 400 }),
  ],
  [
    'POST',
    'collection',
    'with a deferral of 0',
    () => ({ headers: { ...begin(10), 'Upload-Defer-Length': '0' }, status: 400 }),
  ],
  [
    'POST',
    'collection',
    'with both a length and a deferral',
    () => ({ headers: { ...begin(10), 'Upload-Defer-Length': '1' }, status: 400 }),
  ],
  [
    'HEAD',
    'deferred',
    'tells that the length is not known',
    () => ({
      headers: TUS,
      status: [200, 204],
      answers: { 'upload-defer-length': '1', 'upload-length': null, 'upload-offset': '4' },
    }),
  ],
  [
    'HEAD',
    'upload',
    'tells of no deferral where there is none',
    () => ({ headers: TUS, status: [200, 204], answers: { 'upload-defer-length': null } }),
  ],
  [
    'PATCH',
    'deferred',
    'goes on without a length',
    () => ({ headers: at(4), body: 'ef', status: 204, answers: { 'upload-offset': '6' }, then: '6' }),
  ],
  [
    'PATCH',
    'deferred',
    'tells the length',
    () => ({
      headers: at(4, { 'Upload-Length': '10' }),
      body: 'ef',
      status: 204,
      answers: { 'upload-offset': '6' },
      then: '6',
    }),
  ],
  [
    'PATCH',
    'deferred',
    'tells that nothing more comes',
    () => ({
      headers: at(4, { 'Upload-Length': '4' }),
      body: '',
      status: 204,
      answers: { 'upload-offset': '4' },
      then: '4',
    }),
  ],
  [
    'PATCH',
    'deferred',
    'tells less than has come',
    () => ({ headers: at(4, { 'Upload-Length': '3' }), body: '', status: 400, then: '4' }),
  ],
  [
    'PATCH',
    'deferred',
    'tells a length that is no number',
    () => ({ headers: at(4, { 'Upload-Length': 'ten' }), body: 'ef', status: 400, then: '4' }),
  ],
  [
    'PATCH',
    'deferred',
    'tells a length, and sends more',
    () => ({ headers: at(4, { 'Upload-Length': '5' }), body: 'ef', status: [400, 413], then: '4' }),
  ],

  [
    'OPTIONS',
    'collection',
    'announces that a part may come with it',
    () => ({ headers: {}, status: [200, 204], answers: { 'tus-extension': listed('creation-with-upload') } }),
  ],
  [
    'POST',
    'collection',
    'with a first part',
    () => ({
      headers: { ...begin(10), ...TYPE },
      body: 'abcd',
      status: 201,
      answers: { 'upload-offset': '4', location: /./ },
    }),
  ],
  [
    'POST',
    'collection',
    'with all of it',
    () => ({
      headers: { ...begin(4), ...TYPE },
      body: 'abcd',
      status: 201,
      answers: { 'upload-offset': '4', location: /./ },
    }),
  ],
  [
    'POST',
    'collection',
    'with a part of no bytes',
    () => ({ headers: { ...begin(4), ...TYPE }, body: '', status: 201, answers: { 'upload-offset': '0' } }),
  ],
  [
    'POST',
    'collection',
    'with a first part, the length deferred',
    () => ({ headers: { ...deferred(), ...TYPE }, body: 'abcd', status: 201, answers: { 'upload-offset': '4' } }),
  ],
  [
    'POST',
    'collection',
    'with more than it is long',
    () => ({ headers: { ...begin(3), ...TYPE }, body: 'abcd', status: [400, 413] }),
  ],
  [
    'POST',
    'collection',
    'with a body that is no part',
    () => ({
      headers: { ...begin(4), 'Content-Type': 'text/plain' },
      body: 'abcd',
      status: [201, 415],
      answers: { 'upload-offset': null },
    }),
  ],
];

const later: readonly Case[] = [
  [
    'OPTIONS',
    'collection',
    'announces expiration',
    () => ({ headers: {}, status: [200, 204], answers: { 'tus-extension': listed('expiration') } }),
  ],
  [
    'POST',
    'collection',
    'tells until when there is time',
    () => ({ headers: begin(10), status: 201, answers: { 'upload-expires': HTTP_DATE } }),
  ],
  [
    'POST',
    'collection',
    'of all of it expires no more',
    () => ({ headers: { ...begin(4), ...TYPE }, body: 'abcd', status: 201, answers: { 'upload-expires': null } }),
  ],
  [
    'PATCH',
    'upload',
    'tells until when there is time',
    () => ({ headers: at(4), body: 'ef', status: 204, answers: { 'upload-expires': HTTP_DATE } }),
  ],
  [
    'PATCH',
    'upload',
    'to the end expires no more',
    () => ({ headers: at(4), body: 'efghij', status: 204, answers: { 'upload-expires': null } }),
  ],
  ['HEAD', 'expired', 'after its time', () => ({ headers: TUS, status: GONE, answers: { 'upload-offset': null } })],
  ['PATCH', 'expired', 'after its time', () => ({ headers: at(4), body: 'ef', status: GONE, then: null })],

  [
    'OPTIONS',
    'collection',
    'announces checksums',
    () => ({
      headers: {},
      status: [200, 204],
      reference: 204,
      answers: { 'tus-extension': listed('checksum'), 'tus-checksum-algorithm': listed('sha1') },
    }),
  ],
  ...['sha1', 'sha256', 'sha512', 'md5'].map((algorithm): Case => [
    'PATCH',
    'upload',
    `with the ${algorithm} of the part`,
    () => ({
      headers: at(4, sum(algorithm, 'ef')),
      body: 'ef',
      status: 204,
      answers: { 'upload-offset': '6' },
      then: '6',
    }),
  ]),
  [
    'PATCH',
    'upload',
    'with the checksum of another part',
    () => ({ headers: at(4, sum('sha1', 'ef')), body: 'eX', status: 460, reference: 204, then: '4' }),
  ],
  [
    'PATCH',
    'upload',
    'with the checksum of the whole upload',
    () => ({ headers: at(4, sum('sha1', 'abcdefghij')), body: 'efghij', status: 460, reference: 204, then: '4' }),
  ],
  [
    'PATCH',
    'upload',
    'with a checksum that nobody computes',
    () => ({ headers: at(4, { 'Upload-Checksum': 'crc32 AAAA' }), body: 'ef', status: 400, reference: 204, then: '4' }),
  ],
  [
    'PATCH',
    'upload',
    'with an algorithm and no checksum',
    () => ({ headers: at(4, { 'Upload-Checksum': 'sha1' }), body: 'ef', status: 400, reference: 204, then: '4' }),
  ],
  [
    'PATCH',
    'upload',
    'with a checksum that is no Base64',
    () => ({ headers: at(4, { 'Upload-Checksum': 'sha1 §' }), body: 'ef', status: 400, reference: 204, then: '4' }),
  ],
  [
    'POST',
    'collection',
    'with the checksum of another part',
    () => ({ headers: { ...begin(4), ...TYPE, ...sum('sha1', 'abc') }, body: 'abX', status: 460, reference: 201 }),
  ],

  [
    'OPTIONS',
    'collection',
    'announces termination',
    () => ({ headers: {}, status: [200, 204], answers: { 'tus-extension': listed('termination') } }),
  ],
  ['DELETE', 'upload', 'ends it', () => ({ headers: TUS, status: 204, then: null })],
  ['DELETE', 'fresh', 'ends what has not begun', () => ({ headers: TUS, status: 204, then: null })],
  ['DELETE', 'finished', 'ends what is whole', () => ({ headers: TUS, status: 204, then: null })],
  ['DELETE', 'nothing', 'of nothing there', () => ({ headers: TUS, status: GONE })],
  ['DELETE', 'upload', 'without Tus-Resumable', () => ({ headers: {}, status: 412, then: '4' })],
  [
    'DELETE',
    'upload',
    'in another version',
    () => ({ headers: { 'Tus-Resumable': '0.2.2' }, status: 412, reference: 400, then: '4' }),
  ],
  ['HEAD', 'ended', 'of what was ended', () => ({ headers: TUS, status: GONE, answers: { 'upload-offset': null } })],
  ['PATCH', 'ended', 'of what was ended', () => ({ headers: at(0), body: 'x', status: GONE, then: null })],
  ['DELETE', 'ended', 'of what was ended', () => ({ headers: TUS, status: GONE })],

  [
    'OPTIONS',
    'collection',
    'announces no concatenation',
    () => ({ headers: {}, status: [200, 204], answers: { 'tus-extension': /^(?!.*concatenation)/ } }),
  ],
  [
    'POST',
    'collection',
    'of what is to be concatenated',
    () => ({ headers: { ...begin(10), 'Upload-Concat': 'partial' }, status: [400, 501], answers: { location: null } }),
  ],
  [
    'POST',
    'collection',
    'of what others concatenate to',
    () => ({
      headers: { ...TUS, ...meta(), 'Upload-Concat': 'final;/a /b' },
      status: [400, 501],
      answers: { location: null },
    }),
  ],
];

/** What takes more than one request. */
const stories: Readonly<Record<string, (server: Server) => Promise<void>>> = {
  'also who is refused hears the version': async (server) => {
    const answer = await send({ ...server, headers: {} }, 'HEAD', await places.nothing(), TUS);
    expect(answer.status).toBeOneOf([401, ...GONE]);
    expect(answer.headers.get('tus-resumable')).toBe('1.0.0');
  },
  'an upload is where Location says': async (server) => {
    const answer = await send(server, 'POST', '/api/uploads', begin(10));
    const place = new URL(answer.headers.get('location')!, `${server.url}/api/uploads`);
    expect(await offsetOf(server, place.href)).toBe('0');
  },
  'each POST makes another upload': async (server) => {
    expect(await create(server, begin(1))).not.toBe(await create(server, begin(1)));
  },
  'what is empty is whole from the beginning': async (server) => {
    const told = await send(server, 'HEAD', await create(server, begin(0)), TUS);
    expect([told.headers.get('upload-offset'), told.headers.get('upload-length')]).toEqual(['0', '0']);
  },
  'metadata is told again as it was given': async (server) => {
    const told = `${meta()['Upload-Metadata']},filetype ${base64('text/plain')},note ${base64('ü')},secret`;
    const place = await create(server, { ...begin(10), 'Upload-Metadata': told });
    expect((await send(server, 'HEAD', place, TUS)).headers.get('upload-metadata')).toBe(told);
  },
  'parts follow each other': async (server) => {
    const place = await create(server, begin(6));
    for (const [offset, part] of ['ab', 'c', 'def'].map((each, nth) => [[0, 2, 3][nth]!, each] as const)) {
      const answer = await send(server, 'PATCH', place, at(offset), part);
      expect([answer.status, answer.headers.get('upload-offset')]).toEqual([204, String(offset + part.length)]);
      expect(await offsetOf(server, place)).toBe(String(offset + part.length));
    }
  },
  'a part that was sent counts once': async (server) => {
    const place = await create(server, begin(6));
    expect((await send(server, 'PATCH', place, at(0), 'abc')).status).toBe(204);
    expect((await send(server, 'PATCH', place, at(0), 'abc')).status).toBe(409);
    expect(await offsetOf(server, place)).toBe('3');
  },
  'of two at one byte one counts': async (server) => {
    const place = await create(server, begin(6));
    const answers = await Promise.all(['abc', 'xyz'].map((part) => send(server, 'PATCH', place, at(0), part)));
    for (const { status } of answers) expect(status).toBeOneOf([204, 409]);
    expect(await offsetOf(server, place)).toBe('3');
  },
  'a deferred length is told later, once': async (server) => {
    const place = await create(server, deferred());
    expect((await send(server, 'PATCH', place, at(0), 'ab')).status).toBe(204);
    expect((await send(server, 'PATCH', place, at(2, { 'Upload-Length': '6' }), 'cd')).status).toBe(204);
    expect((await send(server, 'PATCH', place, at(4, { 'Upload-Length': '8' }), 'ef')).status).toBe(400);
    expect((await send(server, 'PATCH', place, at(4), 'ef')).status).toBe(204);
    const { headers } = await send(server, 'HEAD', place, TUS);
    const names = ['upload-length', 'upload-offset', 'upload-defer-length'];
    expect(names.map((name) => headers.get(name))).toEqual(['6', '6', null]);
  },
  'what came before the connection broke is kept': async (server) => {
    const place = await create(server, { ...begin(10), ...TYPE }, 'abcd');
    await breakOff(server, place, at(4, { 'Content-Length': '6' }), 'ef');
    await expect.poll(() => offsetOf(server, place), { timeout: 20_000 }).toBe('6');
    expect((await send(server, 'PATCH', place, at(6), 'ghij')).status).toBe(204);
  },
};

describe.each([
  ['Tessera', () => ours],
  ['the reference', () => others],
])('tus as %s speaks it', (name, server) => {
  const theirs = name === 'the reference';

  it.each([...core, ...addresses, ...creation, ...later])('%s (%s) %s', async (method, on, _what, asked) => {
    const place = await places[on](server());
    const { headers, body, status, reference: instead, answers = {}, then } = asked();
    const answer = await send(server(), method, place, headers, body);
    const deviates = theirs && instead !== undefined;
    expect([deviates ? instead : status].flat(), answer.text).toContain(answer.status);
    if (method !== 'OPTIONS') expect(answer.headers.get('tus-resumable')).toBe('1.0.0');
    if (deviates) return;
    for (const [header, value] of Object.entries(answers)) {
      if (value === null || typeof value === 'string') expect(answer.headers.get(header), header).toBe(value);
      else expect(answer.headers.get(header), header).toMatch(value);
    }
    if (then !== undefined) expect(await offsetOf(server(), place)).toBe(then);
  });

  it.each(Object.entries(stories))('%s', (_what, story) => story(server()), 30_000);
});

describe('tus, beyond what the reference does', () => {
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
    const other = { ...ours, headers: { Authorization: `Bearer ${stranger}` } };
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
    const theirs = { ...ours, headers: { Authorization: `Bearer ${person.token}` } };
    expect((await send(theirs, 'POST', '/api/uploads', begin(1001))).status).toBe(507);
    const first = await create(theirs, begin(1000));
    expect((await send(theirs, 'PATCH', first, at(0), 'x'.repeat(600))).status).toBe(204);
    expect((await send(theirs, 'POST', '/api/uploads', begin(500))).status).toBe(507);
    const deferred = await create(theirs, { ...TUS, ...meta(), 'Upload-Defer-Length': '1' });
    expect((await send(theirs, 'PATCH', deferred, at(0), 'x'.repeat(500))).status).toBe(507);
    expect((await send(theirs, 'PATCH', first, at(600), 'x'.repeat(400))).status).toBe(204);
  });
});
