import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Losses } from '../src/contents/index.js';
import { AccountKeyring } from '../src/keys/index.js';
import { Client, type Received } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, intruder } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';
import { columnsOf, lying, type RowPlace } from './support/row-tampering.js';

/** All bits instead of a sample: `npm run search:tamper`. */
const ALL = process.env['TESSERA_SEARCH'] === 'all';
/** Small beyond what a setting allows, so that a small file has pages of manifest. */
const CHUNK = 64;
const PAGE = 1024 * CHUNK;
const TYPE = 'text/plain; charset=utf-8';
const MTIME = 1_500_000_000;

interface Stored {
  readonly account: string;
  readonly path: string;
  readonly plain: Buffer;
  readonly id: string;
  readonly version: string;
  readonly content: string;
  readonly record: Record<string, unknown>;
}

let gateway: TestGateway;
let database: pg.Client;
let mine: Client;
let other: Client;
let myAccount: string;
let otherAccount: string;
beforeAll(async () => {
  gateway = await startGateway({ config: { chunkBytes: CHUNK } });
  const admin = await signIn(gateway);
  mine = new Client(gateway, admin);
  const person = await newPerson(gateway, admin, ['user']);
  other = new Client(gateway, person.token);
  myAccount = (await mine.send('/api/auth/me')).json<{ id: string }>().id;
  otherAccount = person.id;
  database = await intruder(gateway);
  await database.query('set session_replication_role = replica');
  // What a reader notes of a blob would be written over the row whose truth is to be put back.
  inside(gateway, Losses).met = () => {};
});
afterAll(async () => {
  mine?.[Symbol.dispose]();
  other?.[Symbol.dispose]();
  await database?.end();
  await gateway?.stop();
});
/** As after a restart: an opened key is not asked for again otherwise. */
const forgetKeys = () =>
  [myAccount, otherAccount].forEach((account) => inside(gateway, AccountKeyring).forget(account));
beforeEach(forgetKeys);

async function store(client: Client, path: string, plain: Buffer): Promise<Stored> {
  const answer = await client.put(path, plain, { 'Content-Type': TYPE, 'X-OC-Mtime': MTIME });
  expect(answer.status).toBeLessThan(202);
  const record = answer.json<{ id: string; version: string } & Record<string, unknown>>();
  const { rows } = await database.query<{ account: string; content: string }>(
    'select account, content from versions where id = $1',
    [record.version],
  );
  return { ...rows[0]!, path, plain, id: record.id, version: record.version, record };
}

const NO_STACK = /node:|\.[jt]s:\d|at \w+\.|select |"stack"/;

/** What a client is told: `right`, `refused`, `cut`, `missing`, or what must not be. */
function bytesVerdict({ status, headers, body, whole, type }: Received, file: Stored, plain = file.plain): string {
  if (NO_STACK.test(status < 400 ? '' : body.toString())) return `STACK ${body}`;
  if (status === 502 && type === 'content-damaged') return 'refused';
  if (status === 404 || status === 409) return 'missing';
  if (status === 503 && type === 'unavailable') return 'later';
  if (status !== 200 && status !== 206) return `STATUS ${status} ${body}`;
  if (headers['content-type'] !== TYPE) return `TYPE ${headers['content-type']}`;
  if (headers['last-modified'] !== new Date(MTIME * 1000).toUTCString()) return `TIME ${headers['last-modified']}`;
  if (headers['etag'] !== `"${file.version}"`) return `ETAG ${headers['etag']}`;
  if (!plain.subarray(0, body.length).equals(body)) return 'WRONG BYTES';
  if (!whole) return 'cut';
  return body.length === plain.length ? 'right' : 'WRONG LENGTH';
}

const COVERED = ['id', 'type', 'size', 'contentType', 'etag', 'version', 'sha256', 'modifiedAt'];
const covered = (record: Record<string, unknown>) => JSON.stringify(COVERED.map((name) => record[name]));

function recordVerdict(answer: Received, file: Stored, found?: Record<string, unknown>): string {
  if (NO_STACK.test(answer.status < 400 ? '' : answer.body.toString())) return `STACK ${answer.body}`;
  if (answer.status === 502 && answer.type === 'content-damaged') return 'refused';
  if (answer.status === 404) return 'missing';
  if (answer.status === 503 && answer.type === 'unavailable') return 'later';
  if (answer.status !== 200) return `STATUS ${answer.status} ${answer.body}`;
  const record: Record<string, unknown> = found ?? answer.json();
  if (record['type'] === 'folder') return 'missing';
  return covered(record) === covered(file.record) ? 'right' : `RECORD ${covered(record)}`;
}

async function readBytes(client: Client, file: Stored): Promise<string> {
  return bytesVerdict(await client.get(file.path), file);
}

const RIGHT = { bytes: 'right', head: 'right', range: 'right', record: 'right', list: 'right', placement: '200' };

/** All that a client can ask about the file. */
async function look(
  client: Client,
  file: Stored,
): Promise<Record<'bytes' | 'head' | 'range' | 'record' | 'list' | 'placement', string>> {
  forgetKeys();
  const bytes = await readBytes(client, file);
  const head = await client.head(file.path);
  const range = await client.get(file.path, { Range: 'bytes=-70' });
  const record = recordVerdict(await client.tree(file.path), file);
  const listed = await client.tree('');
  const items = listed.status === 200 ? listed.json<{ items: Record<string, unknown>[] }>().items : [];
  const item = items.find(({ id }) => id === file.id);
  const places = await client.placement(file.path);
  return {
    bytes,
    head: head.status === 200 ? bytesVerdict({ ...head, body: file.plain }, file) : String(head.status),
    range: bytesVerdict(range, file, file.plain.subarray(-70)),
    record,
    list: listed.status === 200 && !item ? 'missing' : recordVerdict(listed, file, item),
    placement: String(places.status),
  };
}

const TABLES = ['nodes', 'versions', 'contents', 'chunks', 'manifest_pages', 'shards', 'blobs', 'account_keys'];

/** The row of each table that the file hangs on. */
function rowsOf(file: Stored): Record<string, RowPlace> {
  const account = `t.account = '${file.account}'`;
  const ofContent = `${account} and t.content = '${file.content}'`;
  const place = (table: string, where: string) => [table, { table, where }] as const;
  return Object.fromEntries([
    place('nodes', `${account} and t.id = '${file.id}'`),
    place('versions', `${account} and t.id = '${file.version}'`),
    place('contents', `${account} and t.id = '${file.content}'`),
    place('chunks', `${ofContent} and t.index = 1`),
    place('manifest_pages', `${ofContent} and t.page = 0`),
    place('shards', `${ofContent} and t.chunk = 1`),
    place(
      'blobs',
      `${account} and t.id = (select s.blob from shards s where s.account = t.account and s.content = '${file.content}' and s.chunk = 1)`,
    ),
    place('account_keys', account),
  ]);
}

/** Where every lie is noticed before a byte is served, or the answer breaks off: the seals and the version's MAC cover it. */
const NOTICED = new Set([
  ...['id', 'account', 'content', 'size', 'content_type', 'modified_at', 'created_at', 'account_key'].map(
    (column) => `versions.${column}`,
  ),
  'versions.mac',
  'versions.sealed_sha256',
  ...['id', 'account', 'account_key', 'wrapped_key', 'manifest_header'].map((column) => `contents.${column}`),
  ...['account', 'content', 'index', 'key_id', 'wrapped_key'].map((column) => `chunks.${column}`),
  ...['account', 'content', 'page', 'sealed'].map((column) => `manifest_pages.${column}`),
  ...['account', 'content', 'chunk', 'blob', 'offset'].map((column) => `shards.${column}`),
  ...['account', 'id', 'connection', 'name'].map((column) => `blobs.${column}`),
  ...['account', 'id', 'wrapped', 'root_epoch'].map((column) => `account_keys.${column}`),
]);

const SAFE = new Set(['right', 'refused', 'cut', 'missing', '200', '404', '409', '502']);

describe('a lie in any column of any row that a file hangs on', () => {
  let file: Stored;
  const outcomes: string[] = [];
  const unnoticed: string[] = [];
  const seen = new Set<string>();
  beforeAll(async () => {
    await store(mine, 'neighbour', randomBytes(200));
    await store(other, 'theirs', randomBytes(200));
    file = await store(mine, 'file', randomBytes(200));
    expect(await look(mine, file)).toEqual(RIGHT);
    for (const { table, column, lies } of await columnsOf(database, TABLES)) {
      for (const lie of lies) {
        await lying(database, rowsOf(file)[table]!, { column, sql: lie.sql }, async () => {
          const found = await look(mine, file);
          seen.add(`${table}.${column}`);
          const name = `${table}.${column} = ${lie.says}`;
          for (const [asked, answer] of Object.entries(found)) {
            // Another gateway may know that epoch: a client may well ask again.
            const later = column === 'root_epoch' && (answer === 'later' || answer === '503');
            if (!SAFE.has(answer) && !later) outcomes.push(`${name}: ${asked} ${answer}`);
          }
          if (NOTICED.has(`${table}.${column}`) && found.bytes === 'right') unnoticed.push(name);
        });
      }
    }
  }, 120_000);

  it('is told in no answer: bytes, type, size, times and hash are right or refused', () => {
    expect(outcomes).toEqual([]);
  });

  it('is noticed by whoever reads, where a seal or the MAC covers it', () => {
    expect(unnoticed).toEqual([]);
    expect([...NOTICED].filter((column) => !seen.has(column))).toEqual([]);
  });

  it('leaves the file as it was when it is taken back', async () => {
    expect(await look(mine, file)).toEqual(RIGHT);
  });
});

describe('every bit of what the database holds of a file’s seals', () => {
  let file: Stored;
  beforeAll(async () => {
    file = await store(mine, 'bits', randomBytes(100));
  });

  it.each<[string, string, string]>([
    ['the wrapped account key', 'account_keys', 'wrapped'],
    ['the wrapped content key', 'contents', 'wrapped_key'],
    ['the sealed manifest header', 'contents', 'manifest_header'],
    ['a sealed manifest page', 'manifest_pages', 'sealed'],
    ['a wrapped chunk key', 'chunks', 'wrapped_key'],
    ['the MAC of the version', 'versions', 'mac'],
    ['the sealed hash of the version', 'versions', 'sealed_sha256'],
  ])('%s', { timeout: 300_000 }, async (_, table, column) => {
    const place = rowsOf(file)[table]!;
    const { rows } = await database.query<{ bits: number }>(
      `select octet_length(${column}) * 8 as bits from ${table} t where ${place.where}`,
    );
    const step = ALL ? 1 : 13;
    for (let bit = 0; bit < rows[0]!.bits; bit += step) {
      const sql = `set_bit(t.${column}, ${bit}, 1 - get_bit(t.${column}, ${bit}))`;
      await lying(database, place, { column, sql }, async () => {
        forgetKeys();
        const answer = await mine.get(file.path, { Range: `bytes=${CHUNK}-` });
        expect([bit, answer.status, answer.type]).toEqual([bit, 502, 'content-damaged']);
      });
    }
    forgetKeys();
    expect(await readBytes(mine, file)).toBe('right');
  });
});

/** Changes several rows in one statement, looks, and undoes it by running it again or by `undo`. */
async function meanwhile(change: string, look: () => Promise<void>, undo = change): Promise<void> {
  const { rowCount } = await database.query(change);
  expect(rowCount).toBeGreaterThan(0);
  try {
    forgetKeys();
    await look();
  } finally {
    await database.query(undo);
    forgetKeys();
  }
}

/** A statement that exchanges a column between two rows; it undoes itself. */
function exchanged(table: string, column: string, a: string, b: string): string {
  return `update ${table} t set ${column} = o.${column} from ${table} o
    where ((${a}) and (${b.replaceAll('t.', 'o.')}))
       or ((${b}) and (${a.replaceAll('t.', 'o.')}))`;
}

describe('exchanged between two places', () => {
  let file: Stored;
  let twin: Stored;
  let theirs: Stored;
  const plain = randomBytes(200);
  beforeAll(async () => {
    file = await store(mine, 'left', plain);
    twin = await store(mine, 'right', plain);
    theirs = await store(other, 'left', plain);
  });
  const chunk = ({ account, content }: Stored, index: number) =>
    `t.account = '${account}' and t.content = '${content}' and t.index = ${index}`;
  const content = (of: Stored) => `t.account = '${of.account}' and t.id = '${of.content}'`;
  const page = (of: Stored) => `t.account = '${of.account}' and t.content = '${of.content}' and t.page = 0`;
  const version = (of: Stored) => `t.account = '${of.account}' and t.id = '${of.version}'`;
  const shard = (of: Stored, index: number) =>
    `t.account = '${of.account}' and t.content = '${of.content}' and t.chunk = ${index}`;
  const key = (of: Stored) => `t.account = '${of.account}'`;
  const notRight = async () => {
    for (const [client, stored] of [
      [mine, file],
      [mine, twin],
      [other, theirs],
    ] as const) {
      expect(['right', 'refused', 'cut']).toContain(await readBytes(client, stored));
    }
    expect(['refused', 'cut']).toContain(await readBytes(mine, file));
  };

  it.each<[string, () => string]>([
    ['wrapped keys of two chunks', () => exchanged('chunks', 'wrapped_key', chunk(file, 0), chunk(file, 1))],
    ['wrapped keys of two contents’ chunks', () => exchanged('chunks', 'wrapped_key', chunk(file, 1), chunk(twin, 1))],
    [
      'wrapped keys of two accounts’ chunks',
      () => exchanged('chunks', 'wrapped_key', chunk(file, 1), chunk(theirs, 1)),
    ],
    ['wrapped keys of two contents', () => exchanged('contents', 'wrapped_key', content(file), content(twin))],
    [
      'wrapped keys of two accounts’ contents',
      () => exchanged('contents', 'wrapped_key', content(file), content(theirs)),
    ],
    ['manifest headers', () => exchanged('contents', 'manifest_header', content(file), content(twin))],
    [
      'manifest headers of two accounts',
      () => exchanged('contents', 'manifest_header', content(file), content(theirs)),
    ],
    ['manifest pages', () => exchanged('manifest_pages', 'sealed', page(file), page(twin))],
    ['manifest pages of two accounts', () => exchanged('manifest_pages', 'sealed', page(file), page(theirs))],
    ['blobs of two chunks', () => exchanged('shards', 'blob', shard(file, 0), shard(file, 1))],
    ['blobs of two contents', () => exchanged('shards', 'blob', shard(file, 0), shard(twin, 0))],
    ['contents of two files', () => exchanged('versions', 'content', version(file), version(twin))],
    ['the MACs of two versions', () => exchanged('versions', 'mac', version(file), version(twin))],
    ['the sealed hashes of two versions', () => exchanged('versions', 'sealed_sha256', version(file), version(twin))],
    ['wrapped keys of two accounts', () => exchanged('account_keys', 'wrapped', key(file), key(theirs))],
  ])('%s', async (_, change) => {
    await meanwhile(change(), notRight);
    for (const [client, stored] of [
      [mine, file],
      [mine, twin],
      [other, theirs],
    ] as const) {
      expect(await readBytes(client, stored)).toBe('right');
    }
  });

  it.each<[string, () => string[]]>([
    ['the newest version of another file', () => [twin.version]],
    ['the newest version of another account’s file', () => [theirs.version]],
    ['nothing there is', () => ['00000000-0000-7000-8000-000000000000']],
  ])('a head that names %s is an error, everywhere', async (_name, version) => {
    const point = (id: string) =>
      `update nodes set head = '${id}' where account = '${file.account}' and id = '${file.id}'`;
    await meanwhile(
      point(version()[0]!),
      async () => {
        const { placement: _, ...found } = await look(mine, file);
        for (const answer of Object.values(found)) expect(['refused', 'missing', '404', '502']).toContain(answer);
      },
      point(file.version),
    );
  });

  it('a head that names an older version of the file shows that one, whole: freshness wants signed checkpoints', async () => {
    const old = await store(mine, 'twice', randomBytes(150));
    const newest = await store(mine, 'twice', randomBytes(150));
    const point = (id: string) =>
      `update nodes set head = '${id}' where account = '${old.account}' and id = '${old.id}'`;
    await meanwhile(
      point(old.version),
      async () => expect(await readBytes(mine, old)).toBe('right'),
      point(newest.version),
    );
    expect(await readBytes(mine, newest)).toBe('right');
  });

  it('another account’s whole content, copied row by row into mine, does not open', async () => {
    const stolen = theirs.content;
    const copy = (table: string, columns: string, where: string) =>
      database.query(
        `insert into ${table} (account, ${columns}) select '${file.account}', ${columns} from ${table} where account = '${theirs.account}' and ${where}`,
      );
    await copy(
      'contents',
      'id, state, account_key, wrapped_key, data, parity, size, chunks, manifest_header',
      `id = '${stolen}'`,
    );
    await copy('chunks', 'content, index, key_id, wrapped_key, length', `content = '${stolen}'`);
    await copy('manifest_pages', 'content, page, start_offset, sealed', `content = '${stolen}'`);
    await copy('shards', 'content, chunk, shard, blob, "offset", length, digest', `content = '${stolen}'`);
    await copy(
      'blobs',
      'id, connection, name, length, state',
      `id in (select blob from shards where content = '${stolen}')`,
    );
    await copy('account_keys', 'id, wrapped, root_epoch, retired_at', `true`).catch(() =>
      copy('account_keys', 'id, wrapped, root_epoch, created_at', `false`),
    );
    const point = (id: string) =>
      `update versions set content = '${id}' where account = '${file.account}' and id = '${file.version}'`;
    await meanwhile(
      point(stolen),
      async () => {
        expect(['refused', 'missing']).toContain(await readBytes(mine, file));
      },
      point(file.content),
    );
    expect(await readBytes(mine, file)).toBe('right');
  });
});

describe('the pages of a long manifest', () => {
  let file: Stored;
  const plain = randomBytes(PAGE + 5 * CHUNK + 7);
  beforeAll(async () => {
    file = await store(mine, 'paged', plain);
  });
  const at = (of: Stored, page: number) =>
    `t.account = '${of.account}' and t.content = '${of.content}' and t.page = ${page}`;
  const inPage = async (page: number) => {
    const start = page * PAGE + 3;
    return bytesVerdict(
      await mine.get(file.path, { Range: `bytes=${start}-${start + 9}` }),
      file,
      plain.subarray(start, start + 10),
    );
  };

  it('are all needed for the whole, and each for its range', async () => {
    expect(await readBytes(mine, file)).toBe('right');
    for (const page of [0, 1]) expect(await inPage(page)).toBe('right');
    for (const page of [0, 1]) {
      const hidden = 'ffffffff-0000-7000-8000-000000000000';
      await meanwhile(
        `update manifest_pages t set content = '${hidden}' where ${at(file, page)}`,
        async () => {
          expect(['refused', 'cut']).toContain(await readBytes(mine, file));
          expect(await inPage(page)).toBe('refused');
          expect(await inPage(1 - page)).toBe('right');
        },
        `update manifest_pages set content = '${file.content}' where content = '${hidden}'`,
      );
    }
  });

  it.each<[string, () => string]>([
    ['the two swapped', () => exchanged('manifest_pages', 'sealed', at(file, 0), at(file, 1))],
    ['where they begin swapped', () => exchanged('manifest_pages', 'start_offset', at(file, 0), at(file, 1))],
  ])('%s', async (_, change) => {
    await meanwhile(change(), async () => {
      expect(['refused', 'cut']).toContain(await readBytes(mine, file));
      expect(['refused', 'right']).toContain(await inPage(0));
      expect(['refused', 'right']).toContain(await inPage(1));
    });
    expect(await readBytes(mine, file)).toBe('right');
  });

  it.each([0, 1])('page %d in the place of every other', async (page) => {
    for (const place of [0, 1].filter((it) => it !== page)) {
      const { rows } = await database.query<{ sealed: Buffer }>(
        `select sealed from manifest_pages t where ${at(file, place)}`,
      );
      const put = (source: string) => `update manifest_pages t set sealed = ${source} where ${at(file, place)}`;
      await meanwhile(
        put(`(select sealed from manifest_pages t where ${at(file, page)})`),
        async () => expect(await inPage(place)).toBe('refused'),
        put(`'\\x${rows[0]!.sealed.toString('hex')}'`),
      );
    }
  });

  it.each([-CHUNK, -1, 1, CHUNK, PAGE])('a page that is said to begin %d bytes away from its beginning', async (by) => {
    const shift = (bytes: number) =>
      `update manifest_pages t set start_offset = start_offset + ${bytes} where ${at(file, 1)}`;
    await meanwhile(
      shift(by),
      async () => {
        expect(['refused', 'cut', 'right']).toContain(await readBytes(mine, file));
        for (const page of [0, 1]) expect(['refused', 'right']).toContain(await inPage(page));
      },
      shift(-by),
    );
  });
});
