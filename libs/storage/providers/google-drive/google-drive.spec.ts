import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  driveError,
  type GoogleDouble,
  type Misdeed,
  type ScriptLine,
  slowDown,
  startGoogle,
} from '../../../../test/doubles/google/index.js';
import {
  AccessRefused,
  BlobMismatch,
  BlobMissing,
  BlobTruncated,
  ConnectionAway,
  ConnectionFull,
  ConsentWithdrawn,
  FolderInUse,
  FolderMissing,
  Throttled,
} from '../../errors.js';
import { newFolderName } from '../../folder-name.js';
import { probe } from '../../probe.js';
import type { AccessTokens } from '../../oauth/rules.js';
import type { BlobName } from '../../provider.js';
import type { GatedRequest, RequestGate, RequestOutcome } from '../../request-gate.js';
import { bodyOf, listAll, readAll, someBytes, TestClock } from '../../testing/index.js';
import { GoogleDrive } from './google-drive.js';
import { googleDrive } from './index.js';
import { Wire } from './wire.js';

const small = someBytes(100_000);
const large = someBytes(6_000_000);
const granule = 256 * 1024;

let google: GoogleDouble;
let skew = 0;
/** How each request went, as the gate was told. */
let passes: { request: GatedRequest; outcome: RequestOutcome | null }[] = [];
let clock: TestClock;

beforeEach(async () => {
  skew = 0;
  passes = [];
  clock = new TestClock();
  google = await startGoogle({ now: () => Date.now() + skew });
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await google.stop();
});

const gate: RequestGate = {
  async enter(request) {
    const entered: (typeof passes)[number] = { request, outcome: null };
    passes.push(entered);
    return {
      end(outcome) {
        expect(entered.outcome, 'a pass was ended twice').toBeNull();
        entered.outcome = outcome;
      },
    };
  },
};

interface Opened {
  readonly drive: GoogleDrive;
  readonly settings: Record<string, string>;
  readonly folder: string;
}

async function open(tokens: AccessTokens = always(google.grant().accessToken)): Promise<Opened> {
  const folder = newFolderName();
  const place = { settings: {}, folder, instance: 'one', tokens, origin: google.origin };
  const settings = (await googleDrive.settle!(place)) as Record<string, string>;
  return { drive: again({ settings, folder }, tokens), settings, folder };
}

/** Another gateway that opens the same place. */
function again({ settings, folder }: Pick<Opened, 'settings' | 'folder'>, tokens: AccessTokens): GoogleDrive {
  const ids = { folder: settings['folderId']!, marker: settings['markerId']!, top: settings['topId']! };
  return new GoogleDrive({ tokens, origin: google.origin, gate, folder, ids, clock });
}

function always(token: string): AccessTokens {
  return { current: async () => token, renew: async () => token };
}

async function ready(): Promise<Opened> {
  const opened = await open();
  await opened.drive.writeMarker(Buffer.from('marker'));
  return opened;
}

const blobs = () => [...google.items().values()].filter(({ mimeType }) => mimeType === 'application/octet-stream');
const told = (since: number, pattern: RegExp) =>
  google.heard.slice(since).filter(({ method, path }) => pattern.test(`${method} ${path}`));
const upload = (does: Misdeed, nth = 1): ScriptLine => ({ method: 'POST', about: 'uploadType=multipart', nth, does });
const session = (does: Misdeed, nth = 1): ScriptLine => ({ method: 'PUT', about: 'upload_id=', nth, does });
const refusal = (status: number, reason: string, message?: string): Misdeed => ({
  kind: 'answers',
  status,
  body: driveError(status, reason, message),
});

async function isKept(drive: GoogleDrive, name: BlobName, bytes: Buffer): Promise<void> {
  expect((await readAll(drive, name, { offset: 0, length: bytes.length })).equals(bytes)).toBe(true);
  expect(blobs().filter(({ id }) => id === name)).toHaveLength(1);
  // The marker lies beside it.
  expect(blobs()).toHaveLength(2);
}

describe('what Google says becomes a fault of ours', () => {
  it.each<[string, Misdeed, new (...args: never[]) => Error]>([
    ['403 user rate', { kind: 'answers', status: 403, body: slowDown() }, Throttled],
    ['403 rate', { kind: 'answers', status: 403, body: slowDown('rateLimitExceeded') }, Throttled],
    ['429', { kind: 'answers', status: 429, body: slowDown('rateLimitExceeded', 429) }, Throttled],
    ['429 without a word', { kind: 'answers', status: 429 }, Throttled],
    ['503 with a time', { kind: 'answers', status: 503, headers: { 'retry-after': '7' } }, Throttled],
    ['503', refusal(503, 'backendError'), ConnectionAway],
    ['500', refusal(500, 'internalError'), ConnectionAway],
    ['a daily limit of the operator', refusal(403, 'dailyLimitExceeded'), Throttled],
    ['a full account', refusal(403, 'storageQuotaExceeded'), ConnectionFull],
    ['too many files', refusal(403, 'activeItemCreationLimitExceeded'), ConnectionFull],
    ['a file that is not ours to change', refusal(403, 'insufficientFilePermissions'), AccessRefused],
    ['a grant that was lost', refusal(403, 'appNotAuthorizedToFile'), AccessRefused],
    ['a domain that forbids it', refusal(403, 'domainPolicy'), AccessRefused],
    ['an API that is not switched on', refusal(403, 'accessNotConfigured'), AccessRefused],
    ['a scope that was not granted', refusal(403, 'insufficientPermissions'), ConsentWithdrawn],
    ['400', refusal(400, 'badRequest'), AccessRefused],
    ['a 200 that is none of Drive', { kind: 'answers', status: 200, body: '<html>Sign in</html>' }, ConnectionAway],
    ['a redirect', { kind: 'answers', status: 302, headers: { location: 'http://127.0.0.1:9/' } }, ConnectionAway],
    ['no answer', { kind: 'resets' }, ConnectionAway],
    ['a 403 in no words', { kind: 'answers', status: 403, body: 'no' }, AccessRefused],
  ])('%s', async (_, does, fault) => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    google.follow([{ about: '/files/', does }]);
    await expect(drive.stat(name)).rejects.toBeInstanceOf(fault);
  });

  it('keeps to the time that Google names', async () => {
    const { drive } = await ready();
    google.follow([{ about: '/about', does: { kind: 'answers', status: 429, headers: { 'retry-after': '42' } } }]);
    await expect(drive.space()).rejects.toMatchObject({ retryAfterMs: 42_000 });
    expect(passes.at(-1)?.outcome).toEqual({ kind: 'throttled', afterMs: 42_000 });
  });

  it('waits for midnight in California when the operator’s own limit is reached', async () => {
    const { drive } = await ready();
    google.follow([{ about: '/about', does: refusal(403, 'dailyLimitExceeded') }]);
    const fault = await drive.space().catch((error: unknown) => error as Throttled);
    const end = new Date(Date.now() + ((fault as Throttled).retryAfterMs ?? 0) + 1500);
    const there = end.toLocaleTimeString('en-US', { timeZone: 'America/Los_Angeles', hourCycle: 'h23' });
    expect(there).toMatch(/^(00:00|23:59|24:00)/);
  });

  it.each<[string, Misdeed, new (...args: never[]) => Error]>([
    ['a file taken for malware', refusal(403, 'cannotDownloadAbusiveFile'), AccessRefused],
    ['too much downloaded', refusal(403, 'downloadQuotaExceeded'), Throttled],
    ['a cut in the middle', { kind: 'cuts', after: 50_000 }, ConnectionAway],
  ])('a download meets %s', async (_, does, fault) => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    google.follow([{ about: 'alt=media', does }]);
    await expect(readAll(drive, name, { offset: 0, length: small.length })).rejects.toBeInstanceOf(fault);
  });
});

describe('a put whose answer does not come', () => {
  it.each<[string, Buffer, readonly ScriptLine[]]>([
    ['is lost before it was done', small, [upload({ kind: 'resets' })]],
    ['is lost after it was done', small, [upload({ kind: 'resets-after' })]],
    ['is an error after it was done', small, [upload({ kind: 'fails-after', status: 503 })]],
    ['breaks off in the middle', small, [upload({ kind: 'cuts', after: 60_000 })]],
    [
      'is lost at the start of a session',
      large,
      [{ method: 'POST', about: 'resumable', nth: 1, does: { kind: 'resets' } }],
    ],
    [
      'begins a session and is lost',
      large,
      [{ method: 'POST', about: 'resumable', nth: 1, does: { kind: 'resets-after' } }],
    ],
    ['is lost before a session took it', large, [session({ kind: 'resets' })]],
    ['is lost after a session took it', large, [session({ kind: 'resets-after' })]],
    ['breaks off in a session', large, [session({ kind: 'cuts', after: 3_000_000 })]],
    ['is an error in a session', large, [session({ kind: 'answers', status: 502 })]],
  ])('can be repeated when it %s', async (_, bytes, script) => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    google.follow(script);
    await expect(drive.put(name, bodyOf(bytes))).rejects.toBeInstanceOf(ConnectionAway);
    expect(await drive.put(name, bodyOf(bytes))).toMatchObject({ kind: 'checksum' });
    await isKept(drive, name, bytes);
  });

  it('sends only what is missing, in the same session', async () => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    google.follow([session({ kind: 'cuts', after: 3_000_000 })]);
    await expect(drive.put(name, bodyOf(large))).rejects.toBeInstanceOf(ConnectionAway);
    const since = google.heard.length;
    await drive.put(name, bodyOf(large));
    const reached = 3_000_000 - (3_000_000 % granule);
    expect(google.heard.slice(since).map(({ headers }) => headers['content-range'])).toEqual([
      `bytes */${large.length}`,
      `bytes ${reached}-${large.length - 1}/${large.length}`,
    ]);
    await isKept(drive, name, large);
  });

  it('sends nothing again when only the last answer was lost', async () => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    google.follow([session({ kind: 'resets-after' })]);
    await expect(drive.put(name, bodyOf(large))).rejects.toBeInstanceOf(ConnectionAway);
    const since = google.heard.length;
    await drive.put(name, bodyOf(large));
    expect(told(since, /./).map(({ headers }) => headers['content-range'])).toEqual([`bytes */${large.length}`]);
  });

  it('goes on with a session for the same bytes only', async () => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    google.follow([session({ kind: 'cuts', after: 3_000_000 })]);
    await expect(drive.put(name, bodyOf(large))).rejects.toBeInstanceOf(ConnectionAway);
    const other = someBytes(large.length, 'other');
    await drive.put(name, bodyOf(other));
    await isKept(drive, name, other);
  });

  it.each([false, true])('begins anew with the same id when the session is gone (late: %s)', async (late) => {
    google.ways.noticesTakenIdsLate = late;
    const { drive } = await ready();
    const name = await drive.nameBlob();
    google.follow([session({ kind: 'resets-after' })]);
    await expect(drive.put(name, bodyOf(large))).rejects.toBeInstanceOf(ConnectionAway);
    google.expireSessions();
    expect(await drive.put(name, bodyOf(large))).toMatchObject({ kind: 'checksum' });
    await isKept(drive, name, large);
  });

  it('goes on after each part that Google takes of a body', async () => {
    google.ways.takesAtOnce = 8 * granule;
    const { drive } = await ready();
    const name = await drive.nameBlob();
    const since = google.heard.length;
    await drive.put(name, bodyOf(large));
    expect(told(since, /PUT/)).toHaveLength(Math.ceil(large.length / (8 * granule)));
    await isKept(drive, name, large);
  });

  it('throws when Google takes nothing, rather than try for ever', async () => {
    const { drive } = await ready();
    google.follow([{ method: 'PUT', does: { kind: 'answers', status: 308 } }]);
    await expect(drive.put(await drive.nameBlob(), bodyOf(large))).rejects.toBeInstanceOf(ConnectionAway);
    expect(told(0, /PUT/)).toHaveLength(1);
  });

  it('takes one request for a small blob and two for a large one', async () => {
    const { drive } = await ready();
    await drive.put(await drive.nameBlob(), bodyOf(small));
    const names = [await drive.nameBlob(), await drive.nameBlob()] as const;
    const counts: number[] = [];
    for (const [index, bytes] of [small, large].entries()) {
      const since = google.heard.length;
      await drive.put(names[index]!, bodyOf(bytes));
      counts.push(google.heard.length - since);
    }
    expect(counts).toEqual([1, 2]);
  });
});

describe('what Google keeps is held against what was sent', () => {
  it.each([
    ['small', small],
    ['large', large],
  ])('a lost write of a %s blob is noticed', async (_, bytes) => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    google.follow([upload({ kind: 'loses' }), session({ kind: 'loses' })]);
    await expect(drive.put(name, bodyOf(bytes))).rejects.toBeInstanceOf(ConnectionAway);
    await drive.put(name, bodyOf(bytes));
    await isKept(drive, name, bytes);
  });

  it.each([
    ['small', small],
    ['large', large],
  ])('other bytes than were sent in a %s blob are removed', async (_, bytes) => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    google.follow([upload({ kind: 'spoils' }), session({ kind: 'spoils' })]);
    await expect(drive.put(name, bodyOf(bytes))).rejects.toThrow('changed');
    expect(await drive.stat(name)).toBeNull();
    await drive.put(name, bodyOf(bytes));
    await isKept(drive, name, bytes);
  });

  it('a wrong checksum in the answer is looked at again', async () => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    google.follow([upload({ kind: 'miscounts' })]);
    expect(await drive.put(name, bodyOf(small))).toMatchObject({ kind: 'checksum' });
    await isKept(drive, name, small);
  });

  it('an id that is in use and cannot be seen is not taken for a success', async () => {
    google.ways.takesSpentIds = false;
    const { drive } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    await drive.delete(name);
    await expect(drive.put(name, bodyOf(small))).rejects.toBeInstanceOf(ConnectionAway);
  });

  it('other bytes under a name stay as they are', async () => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(large));
    await expect(drive.put(name, bodyOf(someBytes(large.length, 'other')))).rejects.toBeInstanceOf(BlobMismatch);
    await isKept(drive, name, large);
  });
});

describe('bytes on their way back', () => {
  it('may come compressed', async () => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    google.follow([{ method: 'GET', does: { kind: 'gzips' } }]);
    for (const [offset, length] of [
      [0, small.length],
      [50_000, 1000],
    ] as const) {
      const read = await readAll(drive, name, { offset, length });
      expect(read.equals(small.subarray(offset, offset + length))).toBe(true);
    }
    await expect(readAll(drive, name, { offset: 99_000, length: 1001 })).rejects.toBeInstanceOf(BlobTruncated);
    expect((await drive.stat(name))?.length).toBe(small.length);
    expect(await listAll(drive)).toHaveLength(1);
  });

  it('may drip', async () => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    google.follow([{ about: 'alt=media', does: { kind: 'drips', bytes: 20_000, everyMs: 1 } }]);
    expect((await readAll(drive, name, { offset: 0, length: small.length })).equals(small)).toBe(true);
  });

  it('are cut to the range when Drive sends the whole file', async () => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    google.follow([{ about: 'alt=media', does: { kind: 'answers', status: 200, body: small.toString('latin1') } }]);
    const whole = Buffer.from(small.toString('latin1'));
    const read = await readAll(drive, name, { offset: 777, length: 1000 });
    expect(read.equals(whole.subarray(777, 1777))).toBe(true);
  });
});

describe('tokens', () => {
  it('are renewed once when one is refused, and the call goes on', async () => {
    const grant = google.grant();
    const renewed: string[] = [];
    let token = grant.accessToken;
    const { drive } = await open({
      current: async () => token,
      renew: async (refused) => {
        renewed.push(refused);
        return (token = google.grant().accessToken);
      },
    });
    await drive.writeMarker(Buffer.from('marker'));
    google.expireAccessTokens();
    expect((await drive.readMarker())?.toString()).toBe('marker');
    expect(renewed).toEqual([grant.accessToken]);
  });

  it('that are refused though they are new are a passing trouble, and no withdrawn consent', async () => {
    const { drive } = await ready();
    google.expireAccessTokens();
    const fault = await drive.space().catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(ConnectionAway);
    expect(fault).not.toBeInstanceOf(ConsentWithdrawn);
  });

  it('that there are none of any more end the call', async () => {
    const withdrawn = new ConsentWithdrawn();
    const { drive } = await ready();
    const { settings, folder } = await ready();
    await drive.close();
    const other = again(
      { settings, folder },
      { current: () => Promise.reject(withdrawn), renew: () => Promise.reject(withdrawn) },
    );
    const since = google.heard.length;
    await expect(other.stat(await settledName(settings))).rejects.toBe(withdrawn);
    expect(google.heard).toHaveLength(since);
  });

  const settledName = async (settings: Record<string, string>): Promise<BlobName> => settings['markerId'] as BlobName;

  it('stand in no error, whatever goes wrong', async () => {
    const token = google.grant().accessToken;
    const { drive } = await open(always(token));
    await drive.writeMarker(Buffer.from('marker'));
    const name = await drive.nameBlob();
    const kinds: Misdeed[] = [
      { kind: 'resets' },
      { kind: 'answers', status: 401 },
      { kind: 'answers', status: 400, body: { error: { message: token } } },
      refusal(403, 'storageQuotaExceeded', token),
      { kind: 'answers', status: 200, body: `{"token":"${token}"` },
      { kind: 'answers', status: 302, headers: { location: `http://127.0.0.1:1/${token}` } },
    ];
    const calls = [
      () => drive.put(name, bodyOf(small)),
      () => drive.put(name, bodyOf(large)),
      () => readAll(drive, name, { offset: 0, length: 1 }),
      () => drive.stat(name),
      () => drive.delete(name),
      () => drive.list(),
      () => drive.space(),
      () => drive.readMarker(),
      () => drive.writeMarker(small),
      () => drive.removeFolder(),
      () => drive.folders('root'),
    ];
    for (const does of kinds) {
      google.follow([{ does }]);
      for (const call of calls) {
        const fault = await call().then(
          () => null,
          (error: unknown) => error,
        );
        const words = inspect(fault, { depth: 20, showHidden: true });
        expect(words).not.toContain(token);
        expect(words).not.toContain('Bearer');
        expect(words).not.toContain('upload_id');
      }
    }
  });

  it('go to nobody but Google, and a session gets none', async () => {
    const { drive } = await ready();
    await drive.put(await drive.nameBlob(), bodyOf(large));
    const [put] = told(0, /^PUT/);
    expect(put?.headers.authorization).toBeUndefined();
    const heard: (string | undefined)[] = [];
    const stranger = createServer((request, response) => {
      heard.push(request.headers.authorization);
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
    const location = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`;
    for (const status of [301, 302, 303, 307, 308]) {
      google.follow([{ does: { kind: 'answers', status, headers: { location } } }]);
      await expect(drive.space()).rejects.toThrow();
      await expect(drive.put(await drive.nameBlob().catch(() => someId), bodyOf(small))).rejects.toThrow();
    }
    expect(heard).toEqual([]);
    stranger.close();
  });

  const someId = `1${'aB'.repeat(16)}` as BlobName;

  it.each([
    ['https://www.googleapis.com/upload/drive/v3/files?upload_id=a', true],
    ['https://content.googleapis.com/x', true],
    ['http://www.googleapis.com/x', false],
    ['https://www.googleapis.com.example.org/x', false],
    ['https://evilgoogleapis.com/x', false],
    ['https://127.0.0.1/x', false],
  ])('a session at %s is Google’s: %s', (address, expected) => {
    const wire = new Wire({ origin: null, tokens: always('token') });
    expect(wire.root).toBe('https://www.googleapis.com');
    expect(wire.isOurs(new URL(address))).toBe(expected);
    wire.close();
  });

  it('and bytes go nowhere when an answer names another place for a session', async () => {
    const { drive } = await ready();
    const location = 'https://uploads.example.org/?upload_id=1';
    google.follow([{ about: 'resumable', does: { kind: 'answers', status: 200, headers: { location } } }]);
    await expect(drive.put(await drive.nameBlob(), bodyOf(large))).rejects.toThrow('elsewhere');
  });

  it('no proxy of the environment is asked', async () => {
    for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy', 'ALL_PROXY'])
      vi.stubEnv(name, 'http://127.0.0.1:1');
    vi.stubEnv('GOOGLE_CLOUD_UNIVERSE_DOMAIN', 'example.org');
    const { drive } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    await isKept(drive, name, small);
  });
});

describe('the gate', () => {
  it('lets each request pass once, and hears how it went', async () => {
    const { drive } = await open();
    const before = google.heard.length;
    await drive.writeMarker(Buffer.from('marker'));
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(large));
    await readAll(drive, name, { offset: 0, length: 1000 });
    await drive.delete(name);
    await drive.stat(name);
    await listAll(drive);
    expect(passes).toHaveLength(google.heard.length - before);
    expect(passes.every(({ outcome }) => outcome !== null && ['answered', 'refused'].includes(outcome.kind))).toBe(
      true,
    );
    expect(passes.filter(({ request }) => request.kind === 'upload').map(({ request }) => request.bytes)).toEqual([
      6,
      6,
      large.length,
    ]);
  });

  it.each<[string, Misdeed, RequestOutcome]>([
    ['resets', { kind: 'resets' }, { kind: 'failed' }],
    ['5xx', { kind: 'answers', status: 500 }, { kind: 'failed' }],
    ['rates', { kind: 'answers', status: 403, body: slowDown() }, { kind: 'throttled', afterMs: null }],
    ['refusals', refusal(403, 'insufficientFilePermissions'), { kind: 'refused' }],
    ['full places', refusal(403, 'storageQuotaExceeded'), { kind: 'refused' }],
  ])('is told of %s', async (_, does, outcome) => {
    const { drive } = await ready();
    google.follow([{ about: '/about', does }]);
    await expect(drive.space()).rejects.toThrow();
    expect(passes.at(-1)?.outcome).toEqual(outcome);
  });

  it('is not blamed for a body that breaks, nor for a caller who leaves', async () => {
    const { drive } = await ready();
    let readings = 0;
    const body = {
      length: large.length,
      *pieces() {
        readings += 1;
        yield large.subarray(0, 1_000_000);
        if (readings > 1) throw new Error('the sender is gone');
        yield large.subarray(1_000_000);
      },
    };
    await expect(drive.put(await drive.nameBlob(), body)).rejects.toThrow('the sender is gone');
    expect(passes.at(-1)?.outcome).toEqual({ kind: 'refused' });
  });
});

describe('our folder', () => {
  it('is one, however many gateways make it at once, and lists may be as old as they like', async () => {
    google.ways.listLagMs = 3_600_000;
    const token = google.grant().accessToken;
    const { drive, ...place } = await open(always(token));
    const others = Array.from({ length: 7 }, () => again(place, always(token)));
    const all = [drive, ...others];
    await Promise.all(all.map((each, index) => each.writeMarker(Buffer.from(`marker ${index}`))));
    const folders = [...google.items().values()].filter(({ bytes }) => bytes === null);
    expect(folders.map(({ name }) => name).sort()).toEqual([place.folder, 'Tessera'].sort());
    expect(blobs()).toHaveLength(1);
    for (const each of all) expect((await each.readMarker())?.toString()).toMatch(/^marker \d$/);
  });

  it('is never taken for wiped because a list does not show it', async () => {
    const { drive, settings, folder } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    for (const item of google.items().values()) item.listedAt = Infinity;
    const other = again({ settings, folder }, always(google.grant().accessToken));
    expect((await other.readMarker())?.toString()).toBe('marker');
    expect((await other.stat(name))?.length).toBe(small.length);
    await expect(drive.removeFolder()).rejects.toBeInstanceOf(FolderInUse);
  });

  it('is away while it lies in the trash, and there again when it is taken out', async () => {
    const { drive, settings } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    google.trash(settings['folderId']!);
    await expect(drive.readMarker()).rejects.toThrow('trash');
    await expect(drive.stat(name)).rejects.toBeInstanceOf(ConnectionAway);
    await expect(drive.list()).rejects.toBeInstanceOf(ConnectionAway);
    await expect(drive.put(await drive.nameBlob(), bodyOf(small))).rejects.toBeInstanceOf(ConnectionAway);
    await expect(drive.writeMarker(small)).rejects.toBeInstanceOf(ConnectionAway);
    google.trash(settings['folderId']!, false);
    expect((await drive.stat(name))?.length).toBe(small.length);
  });

  it('is gone when its owner has deleted it for good', async () => {
    const { drive, settings } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    google.deleteByHand(settings['folderId']!);
    expect(await drive.readMarker()).toBeNull();
    await expect(drive.stat(name)).rejects.toBeInstanceOf(ConnectionAway);
  });

  it('is found wherever its owner moves it, and whatever its name is then', async () => {
    const { drive, settings } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    const folder = google.items().get(settings['folderId']!)!;
    folder.name = 'Do not touch';
    folder.parent = 'root';
    google.deleteByHand(settings['topId']!);
    expect((await drive.readMarker())?.toString()).toBe('marker');
    expect((await drive.stat(name))?.length).toBe(small.length);
  });

  it('keeps what its owner has put there when we leave', async () => {
    const { drive, settings } = await ready();
    const id = google.addByHand('holiday.jpg', { parent: settings['folderId']! });
    await drive.removeFolder();
    expect(google.items().has(id)).toBe(true);
    expect(await drive.readMarker()).toBeNull();
    await drive.writeMarker(Buffer.from('back'));
    expect((await drive.readMarker())?.toString()).toBe('back');
  });

  it('says what has happened when Google shows it no more after consent was withdrawn', async () => {
    google.ways.losesFilesWithConsent = true;
    const opened = await ready();
    google.withdraw();
    const drive = again(opened, always(google.grant().accessToken));
    expect(await drive.readMarker()).toBeNull();
    await expect(drive.writeMarker(small)).rejects.toBeInstanceOf(AccessRefused);
  });

  it('lies in the folder that an earlier connection has made, and beside one that was thrown away', async () => {
    const first = await ready();
    const second = await ready();
    expect(second.settings['topId']).toBe(first.settings['topId']);
    google.trash(first.settings['topId']!);
    const tokens = always(google.grant().accessToken);
    const folder = newFolderName();
    const drive = again({ settings: { ...first.settings, ...(await freshIds()) }, folder }, tokens);
    await drive.writeMarker(Buffer.from('marker'));
    expect((await drive.readMarker())?.toString()).toBe('marker');
  });

  async function freshIds(): Promise<Record<string, string>> {
    const { drive } = await open();
    return { folderId: await drive.nameBlob(), markerId: await drive.nameBlob() };
  }

  it('counts a blob that its owner has trashed as lost, though it can be read for a while', async () => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    google.trash(name);
    expect(await drive.stat(name)).toBeNull();
    expect(await listAll(drive)).toEqual([]);
    expect((await readAll(drive, name, { offset: 0, length: 10 })).equals(small.subarray(0, 10))).toBe(true);
    await drive.put(name, bodyOf(small));
    expect((await drive.stat(name))?.length).toBe(small.length);
  });

  it('takes a blob off a shelf that its owner has thrown away', async () => {
    const { drive } = await ready();
    const first = await drive.nameBlob();
    await drive.put(first, bodyOf(small));
    const shelf = google.items().get(first)!.parent;
    google.trash(shelf);
    const next = await drive.nameBlob();
    await drive.put(next, bodyOf(small));
    expect(google.items().get(next)!.parent).not.toBe(shelf);
    expect((await drive.stat(next))?.length).toBe(small.length);
    expect(await drive.stat(first)).toBeNull();
    await drive.put(first, bodyOf(small));
    expect((await listAll(drive)).map(({ name }) => name).sort()).toEqual([first, next].sort());
  });

  it('takes another shelf when one is full', async () => {
    google.ways.mostChildren = 3;
    const { drive } = await ready();
    const names: BlobName[] = [];
    for (let index = 0; index < 5; index += 1) {
      const name = await drive.nameBlob();
      names.push(name);
      const body = bodyOf(someBytes(10, `${index}`));
      await drive.put(name, body).catch((error: unknown) => {
        expect(error).toMatchObject({ retriable: true });
        return drive.put(name, body);
      });
    }
    expect((await listAll(drive)).map(({ name }) => name).sort()).toEqual([...names].sort());
  });

  it('lists page by page, and marks what is not ours', async () => {
    google.ways.pageLength = 2;
    const { drive, settings } = await ready();
    const names: BlobName[] = [];
    for (let index = 0; index < 5; index += 1) {
      names.push(await drive.nameBlob());
      await drive.put(names.at(-1)!, bodyOf(someBytes(index)));
    }
    const stray = google.items().get(names.pop()!)!;
    stray.parent = settings['folderId']!;
    const listed = await listAll(drive);
    expect(
      listed
        .filter(({ foreign }) => !foreign)
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...names].sort());
    expect(listed.filter(({ foreign }) => foreign).map(({ name }) => name)).toEqual([stray.id]);
    await expect(drive.removeFolder()).rejects.toBeInstanceOf(FolderInUse);
  });

  it('is listed anew when a page is too old, a cursor is not ours, or Google could not look everywhere', async () => {
    google.ways.pageLength = 1;
    const { drive } = await ready();
    for (let index = 0; index < 3; index += 1) await drive.put(await drive.nameBlob(), bodyOf(someBytes(index)));
    const { nextCursor } = await drive.list();
    skew += 2 * 3_600_000;
    await expect(drive.list(nextCursor)).rejects.toBeInstanceOf(ConnectionAway);
    const forged = Buffer.from(JSON.stringify({ folder: "x' or trashed = true", shelves: [] })).toString('base64url');
    await expect(drive.list(forged)).rejects.toBeInstanceOf(ConnectionAway);
    google.ways.searchesIncompletely = true;
    await expect(drive.list()).rejects.toBeInstanceOf(ConnectionAway);
  });
});

describe('limits', () => {
  it('a full account is told, and takes blobs again when there is room', async () => {
    google.ways.storageBytes = 150_000;
    const { drive } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    await expect(drive.put(await drive.nameBlob(), bodyOf(small))).rejects.toBeInstanceOf(ConnectionFull);
    expect(await drive.space()).toEqual({ total: 150_000, used: 100_006, free: 49_994 });
    await drive.delete(name);
    await drive.put(await drive.nameBlob(), bodyOf(small));
  });

  it('an account without a limit tells none', async () => {
    google.ways.storageBytes = null;
    const { drive } = await ready();
    expect(await drive.space()).toEqual({ total: null, used: 6, free: null });
  });

  it('uploads rest for an hour when the day’s are used up, and reading goes on', async () => {
    const { drive } = await ready();
    google.ways.uploadBytesPerDay = 50_000;
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    const next = await drive.nameBlob();
    await expect(drive.put(next, bodyOf(small))).rejects.toMatchObject({ retryAfterMs: 3_600_000 });
    expect(passes.at(-1)?.outcome).toEqual({ kind: 'refused' });
    const since = google.heard.length;
    await expect(drive.put(next, bodyOf(small))).rejects.toBeInstanceOf(Throttled);
    expect(google.heard).toHaveLength(since);
    expect((await drive.stat(name))?.length).toBe(small.length);
    google.ways.uploadBytesPerDay = null;
    await clock.sleep(3_600_000);
    await drive.put(next, bodyOf(small));
  });

  it('uploads rest as well when none was taken for an hour, whatever Google calls it', async () => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    google.follow([{ about: 'uploadType', does: { kind: 'answers', status: 403, body: slowDown() } }]);
    await expect(drive.put(name, bodyOf(small))).rejects.toMatchObject({ retryAfterMs: null });
    await clock.sleep(3_600_000);
    await expect(drive.put(name, bodyOf(small))).rejects.toMatchObject({ retryAfterMs: 3_600_000 });
  });
});

describe('an answer that is too much', () => {
  it.each<[string, Misdeed]>([
    ['a long one', { kind: 'answers', status: 200, body: Buffer.alloc(5 * 1024 * 1024, ' ') }],
    [
      'a short one that unpacks to a long one',
      {
        kind: 'answers',
        status: 200,
        body: gzipSync(Buffer.alloc(50 * 1024 * 1024)),
        headers: { 'content-encoding': 'gzip' },
      },
    ],
    [
      'one that is not what it says',
      { kind: 'answers', status: 200, body: 'plain', headers: { 'content-encoding': 'gzip' } },
    ],
  ])('is not taken in: %s', async (_, does) => {
    const { drive } = await ready();
    google.follow([{ method: 'GET', about: 'fields', does }]);
    await expect(drive.space()).rejects.toBeInstanceOf(ConnectionAway);
    await expect(drive.list()).rejects.toBeInstanceOf(ConnectionAway);
  });

  it('is not taken in: a compressed file that is none', async () => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    for (const encoding of ['gzip', 'br']) {
      const does: Misdeed = { kind: 'answers', status: 200, body: 'plain', headers: { 'content-encoding': encoding } };
      google.follow([{ about: 'alt=media', does }]);
      await expect(readAll(drive, name, { offset: 0, length: 10 })).rejects.toBeInstanceOf(ConnectionAway);
    }
  });
});

describe('a trial before connecting', () => {
  it('finds that all is well, and leaves no folder of ours but in the trash', async () => {
    const { drive } = await open();
    expect(await probe(drive)).toMatchObject({ ok: true });
    expect(await drive.readMarker()).toBeNull();
    await drive.writeMarker(Buffer.from('kept'));
    expect((await drive.readMarker())?.toString()).toBe('kept');
  });

  it('says what is wrong when there is no room', async () => {
    google.ways.storageBytes = 10_000;
    const { drive } = await open();
    expect(await probe(drive)).toMatchObject({ ok: false, failedStep: 'write' });
  });
});

describe('the description', () => {
  it('asks for our own files only, and says whose account it is', async () => {
    expect(googleDrive.oauth?.consents.flatMap(({ scopes }) => scopes)).toEqual([
      'https://www.googleapis.com/auth/drive.file',
    ]);
    const tokens = always(google.grant('brook@example.com').accessToken);
    expect(await googleDrive.oauth?.identify({ tokens, origin: google.origin })).toEqual({
      id: '09876543210987654321',
      name: 'brook@example.com',
    });
  });

  it('names Google’s own addresses, or one origin for all of them', () => {
    expect(googleDrive.oauth?.endpoints(null)).toEqual({
      authorize: 'https://accounts.google.com/o/oauth2/v2/auth',
      token: 'https://oauth2.googleapis.com/token',
      revoke: 'https://oauth2.googleapis.com/revoke',
    });
    expect(googleDrive.oauth?.endpoints('http://127.0.0.1:1234')).toEqual({
      authorize: 'http://127.0.0.1:1234/o/oauth2/v2/auth',
      token: 'http://127.0.0.1:1234/token',
      revoke: 'http://127.0.0.1:1234/revoke',
    });
  });

  it('shows the folders that we may see', async () => {
    const { drive, settings } = await ready();
    const top = await drive.folders('root');
    expect(top.folders).toEqual([{ id: settings['topId'], name: 'Tessera' }]);
    expect((await drive.folders(settings['topId']!)).folders).toEqual([]);
    for (const id of [await drive.nameBlob(), "x' or 'a"])
      await expect(drive.folders(id)).rejects.toBeInstanceOf(FolderMissing);
  });
});

describe('what lies there tells nothing', () => {
  it('names are short and random, without ending, type or property', async () => {
    const { drive } = await ready();
    const name = await drive.nameBlob();
    await drive.put(name, bodyOf(small));
    for (const blob of blobs()) {
      expect(blob.name).toMatch(/^[0-9a-f]{12}$/);
      expect(blob.mimeType).toBe('application/octet-stream');
      expect(blob.appProperties).toEqual({});
    }
    await drive.delete(name);
    await expect(readAll(drive, name, { offset: 0, length: 1 })).rejects.toBeInstanceOf(BlobMissing);
  });
});
