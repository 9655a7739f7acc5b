import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { FRAME_LENGTH } from '#crypto';
import type { ByteRange, StorageProvider } from '#storage';
import { ConnectionPool } from '../src/connections/index.js';
import { Database } from '../src/database/index.js';
import { Client } from './support/client.js';
import { rangeForms } from './support/strange-asks.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside } from './support/inside.js';
import { signIn } from './support/people.js';

const CHUNK = 2 * FRAME_LENGTH;

let gateway: TestGateway;
let client: Client;
beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK) } });
  client = new Client(gateway, await signIn(gateway));
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
});
afterEach(() => void vi.restoreAllMocks());

const SIZE = 1000;
describe('the range', () => {
  const body = randomBytes(SIZE);
  beforeAll(async () => {
    await client.put('thousand', body);
    await client.put('empty', '');
  });

  it.each(rangeForms)('%.60s', async (header, expected) => {
    const { status, headers, body: read, whole } = await client.get('thousand', { Range: header });
    expect(whole).toBe(true);
    if (expected === 'beyond') {
      expect([status, headers['content-range']]).toEqual([416, `bytes */${SIZE}`]);
      return;
    }
    const [first, last] = expected === 'whole' ? [0, SIZE - 1] : expected;
    expect(status).toBe(expected === 'whole' ? 200 : 206);
    expect(headers['content-range']).toBe(expected === 'whole' ? undefined : `bytes ${first}-${last}/${SIZE}`);
    expect(headers['content-length']).toBe(String(last - first + 1));
    expect(read.equals(body.subarray(first, last + 1))).toBe(true);
  });

  it.each(['bytes=0-', 'bytes=0-0', 'bytes=-1', 'bytes=-0', 'bytes=1-'])(
    '%s of an empty file is beyond it',
    async (header) => {
      const { status, headers, type } = await client.get('empty', { Range: header });
      expect([status, headers['content-range'], type]).toEqual([416, 'bytes */0', 'range']);
    },
  );

  it('that cannot be served says so as a problem, with nothing that belongs to the file', async () => {
    const { headers, type } = await client.get('thousand', { Range: 'bytes=1000-' });
    expect(type).toBe('range');
    for (const name of ['etag', 'content-disposition', 'last-modified']) expect(headers[name]).toBeUndefined();
  });

  it('is looked at after the preconditions', async () => {
    const range = { Range: 'bytes=1000-' };
    expect((await client.get('thousand', { ...range, 'If-None-Match': '*' })).status).toBe(304);
    expect((await client.get('thousand', { ...range, 'If-Match': '"x"' })).status).toBe(412);
  });
});

describe('If-Range', () => {
  const body = randomBytes(SIZE);
  let etag: string;
  const MODIFIED = 'Fri, 14 Jul 2017 02:40:00 GMT';
  beforeAll(async () => {
    etag = String((await client.put('if-range', body, { 'X-OC-Mtime': '1500000000' })).headers['etag']);
  });

  it.each<[string, () => string, number]>([
    ['its tag', () => etag, 206],
    ['its tag with spaces around', () => `  ${etag} `, 206],
    ['another tag', () => '"x"', 200],
    ['its tag, weak', () => `W/${etag}`, 200],
    ['its tag without quotes', () => etag.slice(1, -1), 200],
    ['several tags', () => `${etag}, "x"`, 200],
    ['*', () => '*', 200],
    ['its time', () => MODIFIED, 206],
    ['an earlier time', () => 'Fri, 14 Jul 2017 02:39:59 GMT', 200],
    ['a later time, at which it was the same', () => 'Fri, 14 Jul 2017 02:40:01 GMT', 200],
    ['no date', () => 'yesterday', 200],
    ['nothing', () => '', 200],
  ])('with %s', async (_, header, status) => {
    const answer = await client.get('if-range', { Range: 'bytes=10-19', 'If-Range': header() });
    expect(answer.status).toBe(status);
    expect(answer.body.equals(status === 206 ? body.subarray(10, 20) : body)).toBe(true);
  });

  it('of another version makes of a range beyond the end the whole file', async () => {
    expect((await client.get('if-range', { Range: 'bytes=5000-', 'If-Range': '"x"' })).status).toBe(200);
    expect((await client.get('if-range', { Range: 'bytes=5000-', 'If-Range': etag })).status).toBe(416);
  });

  it('lets a download go on only in the version that it began with', async () => {
    await client.put('goes-on', body);
    const first = await client.get('goes-on', { Range: 'bytes=0-499' });
    const rest = { Range: 'bytes=500-', 'If-Range': String(first.headers['etag']) };
    expect((await client.get('goes-on', rest)).status).toBe(206);
    await client.put('goes-on', 'other');
    const other = await client.get('goes-on', rest);
    expect([other.status, other.body.toString()]).toEqual([200, 'other']);
  });
});

describe('of a file of many chunks, every range is the same slice', () => {
  const body = randomBytes(3 * CHUNK + FRAME_LENGTH + 1234);
  beforeAll(async () => void (await client.put('chunks', body)));
  const slice = async (first: number, last: number) => {
    const { status, body: read, headers } = await client.get('chunks', { Range: `bytes=${first}-${last}` });
    const end = Math.min(last, body.length - 1);
    expect([status, headers['content-range']]).toEqual([206, `bytes ${first}-${end}/${body.length}`]);
    expect(read.equals(body.subarray(first, end + 1))).toBe(true);
  };

  it('around every border of chunks and frames', async () => {
    const borders = [0, body.length];
    for (let at = FRAME_LENGTH; at < body.length; at += FRAME_LENGTH) borders.push(at);
    for (const border of borders) {
      for (const first of [border - 1, border, border + 1]) {
        for (const length of [1, 2, FRAME_LENGTH, CHUNK]) {
          if (first >= 0 && first < body.length) await slice(first, first + length - 1);
        }
      }
    }
  });

  it('at random', async () => {
    const within = fc.nat({ max: body.length - 1 });
    const ranges = fc.tuple(within, within).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    await fc.assert(
      fc.asyncProperty(ranges, ([first, last]) => slice(first, last)),
      { numRuns: 100 },
    );
  });
});

interface Fetched {
  readonly name: string;
  readonly range: ByteRange;
}

/** Writes down what is fetched from connections and which statements of the reading run. */
function watch(of: TestGateway): { fetched: Fetched[]; statements: string[] } {
  const fetched: Fetched[] = [];
  const statements: string[] = [];
  const pool = inside(of, ConnectionPool);
  const open = pool.provider.bind(pool);
  vi.spyOn(pool, 'provider').mockImplementation(async (id) => {
    const provider = await open(id);
    const get: StorageProvider['get'] = (name, range, options) => {
      fetched.push({ name, range });
      return provider.get(name, range, options);
    };
    return Object.assign(Object.create(provider) as StorageProvider, { get });
  });
  const database = inside(of, Database);
  const prepared = database.prepared.bind(database);
  vi.spyOn(database, 'prepared').mockImplementation((name, text, values) => {
    statements.push(name);
    return prepared(name, text, values);
  });
  return { fetched, statements };
}

const sealedFrames = (frames: number) => frames * (FRAME_LENGTH + 16);

describe('a range opens only what it needs', () => {
  const body = randomBytes(3 * CHUNK + 100);
  beforeAll(async () => void (await client.put('watched', body)));

  it.each<[string, number, number, number[]]>([
    ['a byte', 5, 5, [1]],
    ['a byte of the second frame', FRAME_LENGTH, FRAME_LENGTH, [1]],
    ['two bytes across frames', FRAME_LENGTH - 1, FRAME_LENGTH, [2]],
    ['two bytes across chunks', CHUNK - 1, CHUNK, [1, 1]],
    ['a whole chunk', CHUNK, 2 * CHUNK - 1, [2]],
    ['a chunk and a byte more on both sides', CHUNK - 1, 2 * CHUNK, [1, 2, 1]],
  ])('%s', async (_, first, last, frames) => {
    const { fetched } = watch(gateway);
    const { body: read } = await client.get('watched', { Range: `bytes=${first}-${last}` });
    expect(read.equals(body.subarray(first, last + 1))).toBe(true);
    expect(fetched.map(({ range }) => range.length)).toEqual(frames.map(sealedFrames));
  });

  it('its last byte costs one small frame, a HEAD or a 304 nothing', async () => {
    const { fetched } = watch(gateway);
    await client.get('watched', { Range: 'bytes=-1' });
    expect(fetched.map(({ range }) => range.length)).toEqual([4096 + 16]);
    fetched.length = 0;
    await client.head('watched');
    await client.get('watched', { 'If-None-Match': '*' });
    await client.get('watched', { Range: `bytes=${body.length}-` });
    expect((await client.send('/api/archive', { method: 'HEAD' })).status).toBe(200);
    expect(fetched).toEqual([]);
  });
});

describe('of a content whose manifest has many pages', () => {
  const TINY = 64;
  const PAGE = 1024 * TINY;
  const body = randomBytes(2 * PAGE + 10 * TINY + 7);
  let tiny: TestGateway;
  let reader: Client;
  beforeAll(async () => {
    tiny = await startGateway({ config: { chunkBytes: TINY } });
    reader = new Client(tiny, await signIn(tiny));
    expect((await reader.put('pages', body)).status).toBe(201);
  });
  afterAll(async () => {
    reader?.[Symbol.dispose]();
    await tiny?.stop();
  });

  it.each<[string, number, number, { pages: number; chunks: number }]>([
    ['the first byte', 0, 0, { pages: 1, chunks: 1 }],
    ['a byte in the middle', PAGE + 99, PAGE + 99, { pages: 1, chunks: 1 }],
    ['the last byte', body.length - 1, body.length - 1, { pages: 1, chunks: 1 }],
    ['two bytes across pages', PAGE - 1, PAGE, { pages: 2, chunks: 2 }],
    ['two bytes across the last pages', 2 * PAGE - 1, 2 * PAGE, { pages: 2, chunks: 2 }],
    ['a hundred bytes', 1000, 1099, { pages: 1, chunks: 3 }],
  ])('%s opens the pages and chunks that hold it', async (_, first, last, expected) => {
    const { fetched, statements } = watch(tiny);
    const { body: read } = await reader.get('pages', { Range: `bytes=${first}-${last}` });
    expect(read.equals(body.subarray(first, last + 1))).toBe(true);
    expect({
      pages: statements.filter((name) => name === 'page-at').length,
      chunks: fetched.length,
    }).toEqual(expected);
    expect(fetched.every(({ range }) => range.length === TINY + 16)).toBe(true);
    expect(statements.filter((name) => name === 'chunk-rows').length).toBeLessThanOrEqual(expected.pages);
  });

  it('any range is the same slice, and the whole is whole', async () => {
    const within = fc.nat({ max: body.length - 1 });
    const lengths = fc.integer({ min: 1, max: 40 * TINY });
    await fc.assert(
      fc.asyncProperty(within, lengths, async (first, length) => {
        const { body: read } = await reader.get('pages', { Range: `bytes=${first}-${first + length - 1}` });
        expect(read.equals(body.subarray(first, first + length))).toBe(true);
      }),
      { numRuns: 60 },
    );
    expect((await reader.get('pages')).body.equals(body)).toBe(true);
  });
});
