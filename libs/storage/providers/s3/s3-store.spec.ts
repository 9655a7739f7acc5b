import { afterEach, describe, expect, it, vi } from 'vitest';
import { newBlobName } from '../../blob-name.js';
import {
  AccessRefused,
  AddressRefused,
  BlobMismatch,
  BlobMissing,
  BodyLengthWrong,
  ConnectionAway,
  ConnectionFull,
  FolderInUse,
  SettingRefused,
  StorageFault,
  Throttled,
} from '../../errors.js';
import { newFolderName } from '../../folder-name.js';
import { Outbound } from '../../outbound/index.js';
import { probe } from '../../probe.js';
import { bodyOf, describeProvider, listAll, readAll, someBytes, TestClock } from '../../testing/index.js';
import { type S3Double, type S3Ways, startS3Double } from '../../testing/servers/s3-double.js';
import { retrying } from '../../wrappers/index.js';
import { s3 } from './index.js';
import { S3Store } from './s3-store.js';
import { readTarget } from './target.js';

// Thousands of blobs, one after the other, on whatever machine this is.
vi.setConfig({ testTimeout: 120_000 });

const bytes = someBytes(300_000);
const whole = { offset: 0, length: bytes.length };
const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A store on a double, its folder made. */
async function setUp(ways: S3Ways = {}, { preset = 'generic', idleMs = 60_000 } = {}) {
  const double = await startS3Double(ways);
  const store = await open(double, preset, idleMs);
  await store.writeMarker(Buffer.from('marker'));
  return { double, store };
}

async function open(double: S3Double, preset = 'generic', idleMs = 60_000, clock?: TestClock): Promise<S3Store> {
  const outbound = new Outbound({ allowHosts: ['127.0.0.1'] });
  const { endpoint, accessKeyId, secretAccessKey, bucket } = double;
  const settings = { endpoint, accessKeyId, secretAccessKey, bucket, region: 'us-east-1', preset };
  const target = {
    ...readTarget(settings, (address) => outbound.readAddress(address)),
    // A double has no host names for its buckets.
    pathStyle: true,
  };
  const limits = { idleMs, answerMs: idleMs };
  const store = new S3Store({ target, folder: newFolderName(), agents: outbound.agents, limits, clock });
  cleanUps.push(
    () => double.stop(),
    async () => {
      await store.close();
      outbound.close();
    },
  );
  return store;
}

const doubles: [what: string, ways: S3Ways, preset: string][] = [
  ['that heeds create-only puts', {}, 'generic'],
  [
    'that keeps versions, and ignores create-only puts',
    { versioned: true, createOnly: 'ignored', pageLength: 99 },
    'generic',
  ],
];
for (const [what, ways, preset] of doubles) {
  describeProvider(`A store ${what}`, async () => {
    return { provider: (await setUp(ways, { preset })).store };
  });
}

async function stored(store: S3Store) {
  const name = newBlobName();
  const proof = await store.put(name, bodyOf(bytes));
  return { name, proof };
}

describe('What proves a put', () => {
  it.each<[string, S3Ways, string, object]>([
    [
      'the ETag, where it is the MD5',
      {},
      'generic',
      { kind: 'checksum', checksum: expect.stringMatching(/^md5:[0-9a-f]{32}$/) },
    ],
    [
      'the SHA-256 that the store answers with',
      { sha256: true, etag: 'random' },
      'aws',
      { kind: 'checksum', checksum: expect.stringMatching(/^sha256:.{44}$/) },
    ],
    ['a look, where the store tells no hash', { etag: 'random' }, 'generic', { kind: 'looked', checksum: null }],
    ['a look, where a store that should tell a hash does not', {}, 'aws', { kind: 'looked', checksum: null }],
  ])('is %s', async (_what, ways, preset, expected) => {
    const { store } = await setUp(ways, { preset });
    const { name, proof } = await stored(store);
    expect(proof).toEqual(expected);
    expect((await store.stat(name))?.checksum).toBe(proof.checksum);
    const [listed] = await listAll(store);
    expect([proof.checksum, null]).toContain(listed?.checksum);
    // The same put again, as after a lost answer.
    expect(await store.put(name, bodyOf(bytes))).toEqual(expected);
    const other = Buffer.from(bytes);
    other[7]! ^= 1;
    await expect(store.put(name, bodyOf(other))).rejects.toThrow(BlobMismatch);
  });

  it('reads back what it stored only once, where the store tells no hash', async () => {
    const { store, double } = await setUp({ etag: 'random' });
    await stored(store);
    double.requests.length = 0;
    await stored(store);
    expect(double.requests.map((request) => request.split(' ')[0])).toEqual(['PUT', 'HEAD']);
  });

  it.each<[string, 'spoils' | 'loses']>([
    ['keeps other bytes, as its ETag shows', 'spoils'],
    ['keeps nothing', 'loses'],
  ])('is not there when the store says yes and %s', async (_what, kind) => {
    const { store, double } = await setUp({ createOnly: 'ignored' });
    double.follow([{ method: 'PUT', about: '/', nth: 3, does: { kind } }]);
    const name = newBlobName();
    await expect(store.put(name, bodyOf(bytes))).rejects.toMatchObject({
      retriable: true,
      message: expect.stringContaining('not what it was given'),
    });
    expect(await listAll(store)).toEqual([]);
    await store.put(name, bodyOf(bytes));
    expect((await readAll(store, name, whole)).equals(bytes)).toBe(true);
  });
});

describe('A store that tells no hash', () => {
  it('is looked at once, and taken at its word only if it gave back what it was given', async () => {
    const double = await startS3Double({ etag: 'random' });
    const store = await open(double);
    double.follow([{ method: 'PUT', nth: 1, does: { kind: 'spoils' } }]);
    await expect(store.writeMarker(Buffer.from('marker'))).rejects.toThrow('not what it was given');
    await store.writeMarker(Buffer.from('marker'));
    expect(await store.readMarker()).toEqual(Buffer.from('marker'));
  });
});

describe('Create-only puts', () => {
  it.each<[S3Ways['createOnly'] & string, boolean]>([
    ['heeded', true],
    ['ignored', false],
    ['refused', false],
  ])('that are %s show in the traits', async (createOnly, expected) => {
    const { store } = await setUp({ createOnly });
    expect(store.traits.createOnly).toBe(false);
    const { name } = await stored(store);
    expect(store.traits.createOnly).toBe(expected);
    await expect(store.put(name, bodyOf(someBytes(5)))).rejects.toThrow(BlobMismatch);
    await stored(store);
  });

  it('are asked about once, and a heeded one saves the look before each put', async () => {
    const { store, double } = await setUp();
    await Promise.all([stored(store), stored(store), stored(store)]);
    expect(double.requests.filter((request) => request.includes('question'))).toHaveLength(2);
    double.requests.length = 0;
    await stored(store);
    expect(double.requests.map((request) => request.split(' ')[0])).toEqual(['PUT']);
  });

  it('are asked about again when the answer did not come', async () => {
    const { store, double } = await setUp();
    double.follow([{ method: 'PUT', about: 'question', nth: 1, does: { kind: 'resets-after' } }]);
    await expect(stored(store)).rejects.toThrow(ConnectionAway);
    await stored(store);
    expect(store.traits.createOnly).toBe(true);
  });

  it('have a header of their own at some stores', async () => {
    const { store, double } = await setUp({ createOnlyHeader: 'x-oss-forbid-overwrite' }, { preset: 'alibaba' });
    await stored(store);
    expect(store.traits.createOnly).toBe(true);
    expect(double.headers.at(-1)).toMatchObject({ 'x-oss-forbid-overwrite': 'true' });
  });

  it('that meet another put of the same name just now may be tried again', async () => {
    const { store, double } = await setUp();
    await stored(store);
    double.follow([
      { method: 'PUT', nth: 1, does: { kind: 'answers', status: 409, code: 'ConditionalRequestConflict' } },
    ]);
    await expect(stored(store)).rejects.toMatchObject({ retriable: true });
  });
});

describe('An answer that was lost', () => {
  it.each<[string, S3Ways]>([
    ['heeds create-only puts', {}],
    ['ignores them', { createOnly: 'ignored' }],
  ])('leaves one blob and no doubt, where the store %s', async (_what, ways) => {
    const { store, double } = await setUp(ways);
    const provider = retrying(store, { clock: new TestClock() });
    await stored(store);
    for (const does of [
      { kind: 'resets-after' },
      { kind: 'resets' },
      { kind: 'fails-after', status: 500, code: 'InternalError' },
    ] as const) {
      double.follow([{ method: 'PUT', nth: 1, does }]);
      const name = newBlobName();
      expect(await provider.put(name, bodyOf(bytes))).toMatchObject({ kind: 'checksum' });
      expect((await readAll(provider, name, whole)).equals(bytes)).toBe(true);
      double.follow([{ method: 'DELETE', nth: 1, does }]);
      await provider.delete(name);
      expect(await provider.stat(name)).toBeNull();
    }
  });

  it('does not stop a reader, who goes on where it broke off', async () => {
    const { store, double } = await setUp();
    const { name } = await stored(store);
    double.follow([{ method: 'GET', about: name, nth: 1, does: { kind: 'breaks', after: 100_000 } }]);
    const provider = retrying(store, { clock: new TestClock() });
    expect((await readAll(provider, name, whole)).equals(bytes)).toBe(true);
    expect(double.headers.at(-1)?.range).toBe(`bytes=100000-${bytes.length - 1}`);
  });
});

describe('A store that has fallen silent', () => {
  it('is not waited for for ever', async () => {
    const { store, double } = await setUp({}, { idleMs: 60 });
    double.follow([{ method: 'HEAD', does: { kind: 'falls-silent' } }]);
    await expect(store.stat(newBlobName())).rejects.toThrow('silent');
  });

  it('is not waited for in the middle of a blob either', async () => {
    const { store, double } = await setUp({}, { idleMs: 60 });
    const { name } = await stored(store);
    double.follow([{ method: 'GET', does: { kind: 'falls-silent', after: 1000 } }]);
    await expect(readAll(store, name, whole)).rejects.toThrow('silent');
  });

  it('is not what a reader who takes his time makes of it', async () => {
    const { store } = await setUp({}, { idleMs: 60 });
    const { name } = await stored(store);
    const pieces: Buffer[] = [];
    for await (const piece of store.get(name, whole)) {
      pieces.push(piece);
      if (pieces.length === 1) await new Promise((resolve) => setTimeout(resolve, 150));
    }
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  });
});

describe('What a store answers', () => {
  const hour = new Date(Date.now() + 3_600_000).toUTCString();
  it.each<[number, string, new (...args: never[]) => StorageFault, string, Record<string, string>?]>([
    [503, 'SlowDown', Throttled, 'slow down', { 'retry-after': '17' }],
    [503, '', Throttled, 'slow down'],
    [429, 'TooManyRequests', Throttled, 'slow down', { 'retry-after': hour }],
    [403, 'AccessDenied', AccessRefused, 'may not do that'],
    [403, 'InvalidAccessKeyId', AccessRefused, 'does not know'],
    [403, 'SignatureDoesNotMatch', AccessRefused, 'do not belong together'],
    [403, 'RequestTimeTooSkewed', AccessRefused, 'clock'],
    [403, 'InvalidObjectState', AccessRefused, 'archive'],
    [403, 'QuotaExceeded', ConnectionFull, 'no room'],
    [507, 'InsufficientStorage', ConnectionFull, 'no room'],
    [413, 'EntityTooLarge', ConnectionFull, 'no room'],
    [404, 'NoSuchBucket', ConnectionAway, 'no bucket'],
    [301, 'PermanentRedirect', SettingRefused, 'region “eu-west-3”', { 'x-amz-bucket-region': 'eu-west-3' }],
    [301, 'PermanentRedirect', SettingRefused, 'another region', { location: 'http://127.0.0.1:1/' }],
    [400, 'AuthorizationHeaderMalformed', SettingRefused, 'region'],
    [307, 'TemporaryRedirect', ConnectionAway, 'reached', { location: 'http://127.0.0.1:1/' }],
    [400, 'RequestTimeout', ConnectionAway, 'reached'],
    [400, 'BadDigest', ConnectionAway, 'changed'],
    [500, 'InternalError', ConnectionAway, 'reached'],
    [501, 'NotImplemented', AccessRefused, 'cannot do'],
    [418, 'Teapot', AccessRefused, 'refuses'],
  ])('%i %s is told as %o: %s', async (status, code, kind, words, headers) => {
    const { store, double } = await setUp();
    await stored(store);
    const answer = { kind: 'answers', status, code: code || undefined, headers } as const;
    double.follow([
      { method: 'GET', does: answer },
      { method: 'PUT', does: answer },
    ]);
    const before = double.requests.length;
    for (const call of [() => store.readMarker(), () => store.put(newBlobName(), bodyOf(bytes))]) {
      const fault: unknown = await call().catch((error: unknown) => error);
      expect(fault).toBeInstanceOf(kind);
      expect(fault).toMatchObject({ message: expect.stringContaining(words) });
    }
    expect(double.requests).toHaveLength(before + 2);
  });

  it('says how long it wants to be left alone', async () => {
    const { store, double } = await setUp();
    const wait = async (value?: string) => {
      const headers = value === undefined ? undefined : { 'retry-after': value };
      double.follow([{ method: 'GET', does: { kind: 'answers', status: 503, code: 'SlowDown', headers } }]);
      return (await store.readMarker().catch((error: Throttled) => error)) as Throttled;
    };
    expect((await wait('17')).retryAfterMs).toBe(17_000);
    expect((await wait(hour)).retryAfterMs).toBeGreaterThan(3_500_000);
    expect((await wait('soon')).retryAfterMs).toBeNull();
    expect((await wait()).retryAfterMs).toBeNull();
  });

  it.each([
    [502, '<html>Bad gateway</html>', ConnectionAway],
    [200, '<html>Welcome to this hotel</html>', ConnectionAway],
    [200, 'Welcome', ConnectionAway],
    [200, '', ConnectionAway],
    [403, 'no', AccessRefused],
  ])('may be no S3 at all: %i %s', async (status, body, kind) => {
    const { store, double } = await setUp();
    double.follow([{ method: 'GET', about: 'list-type', does: { kind: 'answers', status, body } }]);
    await expect(store.list()).rejects.toThrow(kind);
  });

  it('may be the whole blob, where only a part was asked for', async () => {
    const { store } = await setUp({ ranges: false });
    const { name } = await stored(store);
    expect(
      (await readAll(store, name, { offset: 100_001, length: 7000 })).equals(bytes.subarray(100_001, 107_001)),
    ).toBe(true);
    expect((await readAll(store, name, whole)).equals(bytes)).toBe(true);
  });

  it('never leads to another server', async () => {
    const elsewhere = await startS3Double();
    const { store, double } = await setUp();
    const { name } = await stored(store);
    cleanUps.push(() => elsewhere.stop());
    for (const status of [301, 302, 303, 307, 308]) {
      const headers = { location: `${elsewhere.endpoint}/double/${name}` };
      double.follow(
        ['GET', 'PUT', 'HEAD', 'DELETE'].map((method) => ({ method, does: { kind: 'answers', status, headers } })),
      );
      for (const call of [
        () => readAll(store, name, whole),
        () => store.put(newBlobName(), bodyOf(bytes)),
        () => store.stat(name),
        () => store.delete(name),
        () => store.list(),
      ]) {
        await expect(call()).rejects.toBeInstanceOf(StorageFault);
      }
    }
    expect(elsewhere.requests).toEqual([]);
  });
});

describe('A bucket that keeps old versions', () => {
  it('keeps none of a deleted blob, of the marker or of the question', async () => {
    const { store, double } = await setUp({ versioned: true, createOnly: 'ignored' });
    for (const marker of ['two', 'three']) await store.writeMarker(Buffer.from(marker));
    expect([...double.objects.values()].map((versions) => versions.length)).toEqual([1]);
    const { name } = await stored(store);
    for (let round = 0; round < 3; round += 1) {
      await store.delete(name);
      expect([...double.objects.keys()].filter((key) => key.endsWith(name))).toEqual([]);
      await store.put(name, bodyOf(bytes));
    }
    await store.delete(name);
    await store.removeFolder();
    expect([...double.objects]).toEqual([]);
  });

  it('goes on where a deletion broke off between its steps', async () => {
    const { store, double } = await setUp({ versioned: true });
    const { name } = await stored(store);
    double.follow([{ method: 'DELETE', about: 'versionId', nth: 1, does: { kind: 'resets' } }]);
    await expect(store.delete(name)).rejects.toThrow(ConnectionAway);
    expect(await store.stat(name)).toBeNull();
    await store.delete(name);
    expect([...double.objects.keys()].filter((key) => key.endsWith(name))).toEqual([]);
  });

  it('is refused when the access key may not delete them, with what to do about it', async () => {
    const double = await startS3Double({ versioned: true, mayDeleteVersions: false });
    const result = await probe(await open(double));
    expect(result).toMatchObject({ ok: false, reason: expect.stringContaining('keeps old versions') });
  });

  it('is known beforehand at a store where all do', async () => {
    const { store, double } = await setUp({ versioned: true }, { preset: 'backblaze-b2' });
    const { name } = await stored(store);
    double.requests.length = 0;
    await store.delete(name);
    expect(double.requests.map((request) => request.split(' ')[0])).toEqual(['GET', 'DELETE']);
  });
});

describe('Our folder in a bucket', () => {
  it('is what the marker is in: without it, nothing is concluded', async () => {
    const { store, double } = await setUp();
    const { name } = await stored(store);
    double.objects.clear();
    for (const call of [
      () => store.stat(name),
      () => readAll(store, name, whole),
      () => store.list(),
      () => store.delete(name),
    ]) {
      await expect(call()).rejects.toThrow(ConnectionAway);
    }
  });

  it('is looked for once a minute, not before each put', async () => {
    const clock = new TestClock();
    const double = await startS3Double();
    const store = await open(double, 'generic', 60_000, clock);
    await store.writeMarker(Buffer.from('marker'));
    await stored(store);
    const looks = () => double.requests.filter((request) => /GET .*marker/.test(request)).length;
    await stored(store);
    expect(looks()).toBe(0);
    await clock.sleep(61_000);
    await stored(store);
    await stored(store);
    expect(looks()).toBe(1);
  });

  it('shows what is not ours as foreign, and is not taken away with it', async () => {
    const { store, double } = await setUp();
    const { name } = await stored(store);
    const folder = [...double.objects.keys()].find((key) => key.endsWith('marker'))!.replace('marker', '');
    const stranger = [{ id: 'x', bytes: Buffer.from('123'), etag: 'e', sha256: undefined }];
    for (const key of ['', 'holiday & <co>.jpg', `${name}/x`]) double.objects.set(folder + key, stranger);
    const entries = await listAll(store);
    expect(entries.filter(({ foreign }) => !foreign).map((entry) => entry.name)).toEqual([name]);
    expect(
      entries
        .filter(({ foreign }) => foreign)
        .map((entry) => entry.name)
        .sort(),
    ).toEqual(['/', `${name}/x`, 'holiday & <co>.jpg'].sort());
    await store.delete(name);
    await expect(store.removeFolder()).rejects.toThrow(FolderInUse);
    expect(double.objects.has(`${folder}marker`)).toBe(true);
  });
});

describe('A body', () => {
  it('that breaks only when it is sent breaks the put with its own error, and leaves nothing', async () => {
    const { store, double } = await setUp();
    await stored(store);
    double.objects.delete([...double.objects.keys()].find((key) => !/(marker|question)$/.test(key))!);
    const broken = new Error('the disk is gone');
    for (const last of [() => Promise.reject(broken), async () => Buffer.alloc(1)]) {
      let reads = 0;
      const body = {
        length: bytes.length,
        async *pieces() {
          reads += 1;
          yield bytes.subarray(0, 200_000);
          if (reads > 1) yield await last();
          else yield bytes.subarray(200_000);
        },
      };
      const error: unknown = await store.put(newBlobName(), body).catch((fault: unknown) => fault);
      expect(error === broken || error instanceof BodyLengthWrong).toBe(true);
      expect(await listAll(store)).toEqual([]);
    }
  });

  it('that the store turns away early is not sent to its end', async () => {
    const { store, double } = await setUp();
    await stored(store);
    double.follow([{ method: 'PUT', does: { kind: 'resets' } }]);
    let sent = 0;
    const body = {
      length: 200 * bytes.length,
      *pieces() {
        sent = 0;
        for (let count = 0; count < 200; count += 1) {
          sent += 1;
          yield bytes;
        }
      },
    };
    await expect(store.put(newBlobName(), body)).rejects.toThrow(ConnectionAway);
    expect(sent).toBeLessThan(150);
  });
});

describe('The SDK', () => {
  it('signs for nobody but the target, whatever the environment says', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:9');
    vi.stubEnv('AWS_ENDPOINT_URL_S3', 'http://127.0.0.1:9');
    vi.stubEnv('AWS_REGION', 'mars-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'someone-else');
    vi.stubEnv('AWS_PROFILE', 'missing');
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:9');
    vi.stubEnv('http_proxy', 'http://127.0.0.1:9');
    try {
      const { store, double } = await setUp();
      await stored(store);
      expect(double.headers.at(-1)?.authorization).toMatch(/Credential=double\/\d+\/us-east-1\/s3\//);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('sends what every store can read: no trailers, no waiting for leave, no notes in the address', async () => {
    const { store, double } = await setUp();
    await store.put(newBlobName(), bodyOf(someBytes(3_000_000)));
    const headers = double.headers.at(-1)!;
    expect(headers['content-length']).toBe('3000000');
    for (const name of [
      'expect',
      'transfer-encoding',
      'x-amz-trailer',
      'x-amz-sdk-checksum-algorithm',
      'content-encoding',
    ]) {
      expect([name, headers[name]]).toEqual([name, undefined]);
    }
    expect(double.requests.filter((request) => request.includes('x-id'))).toEqual([]);
  });

  it('reaches no address that nobody has opened', async () => {
    const double = await startS3Double();
    cleanUps.push(() => double.stop());
    const { accessKeyId, secretAccessKey, bucket, endpoint } = double;
    const settings = { endpoint, accessKeyId, secretAccessKey, bucket };
    await expect(s3.open({ settings, folder: newFolderName(), instance: 'one' })).rejects.toThrow(AddressRefused);
    // A name that was admitted, and leads inside.
    const outbound = { allowHosts: [], resolve: async () => [{ address: '127.0.0.1', family: 4 }] };
    const rebound = { ...settings, endpoint: 'https://s3.example.com' };
    const provider = await s3.open({ settings: rebound, folder: newFolderName(), instance: 'one', outbound });
    for (const call of [() => provider.readMarker(), () => provider.writeMarker(someBytes(3_000_000))]) {
      await expect(call()).rejects.toThrow(AddressRefused);
    }
    await provider.close();
    expect(double.requests).toEqual([]);
  });
});

describe('A blob', () => {
  it('that is not there is missing, not away', async () => {
    const { store } = await setUp();
    await expect(readAll(store, newBlobName(), { offset: 0, length: 1 })).rejects.toThrow(BlobMissing);
  });
});
