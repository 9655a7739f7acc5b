import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type MicrosoftDouble, type Misdeed, startMicrosoftDouble } from '../../../../test/doubles/microsoft/index.js';
import { BlobMismatch, ConnectionAway, ConnectionFull, Throttled } from '../../errors.js';
import { newFolderName } from '../../folder-name.js';
import type { BlobName } from '../../provider.js';
import { bodyOf, readAll, someBytes, TestClock } from '../../testing/index.js';
import { retrying } from '../../wrappers/index.js';
import { WiderConsentNeeded } from './graph-faults.js';
import { OnedriveProvider } from './onedrive-provider.js';

const KiB = 1024;
const email = 'ada@example.com';
const sizes = { onePut: 64 * KiB, fragment: 320 * KiB };
/** Three fragments. */
const bytes = someBytes(800 * KiB);
const small = someBytes(5000);

const fragment = /PUT \S*\/up\//;
const whole = /PUT \S*:\/content/;
const hidden503 = { kind: 'fails-after', status: 503 } as const;

let double: MicrosoftDouble;
let provider: OnedriveProvider;
let name: BlobName;

beforeAll(async () => void (double = await startMicrosoftDouble()));
afterAll(() => double.stop());
beforeEach(async () => {
  double.script();
  provider = new OnedriveProvider({
    tokens: double.tokensOf(email),
    origin: double.origin,
    folder: newFolderName(),
    sizes,
  });
  await provider.writeMarker(someBytes(100));
  name = await provider.nameBlob();
  double.requests.length = 0;
});

const script = (about: RegExp, nth: number, does: Misdeed) => double.script({ about, nth, does });
const sent = (about: RegExp) => double.requests.filter((line) => about.test(line)).length;
const cameBack = async () => (await readAll(provider, name, { offset: 0, length: bytes.length })).equals(bytes);

describe('An upload in fragments', () => {
  it('takes as few requests as there are fragments', async () => {
    const proof = await provider.put(name, bodyOf(bytes));
    expect(proof).toEqual({ kind: 'checksum', checksum: expect.stringMatching(/^quickxorhash:/) });
    expect(sent(/createUploadSession/)).toBe(1);
    expect(sent(fragment)).toBe(3);
    expect(sent(/\/up\//)).toBe(3);
    expect(await cameBack()).toBe(true);
  });

  const unclear: [string, number, Misdeed][] = [
    ['whose failure was a success', 1, hidden503],
    ['whose failure was a success, the last one', 3, hidden503],
    ['whose answer was lost', 2, { kind: 'resets-after' }],
    ['whose answer was lost, the last one', 3, { kind: 'resets-after' }],
    ['that never arrived', 2, { kind: 'resets' }],
    ['that was kept in part, at an odd place', 1, { kind: 'keeps', bytes: 70_001 }],
    ['that was kept in part, the last one', 3, { kind: 'keeps', bytes: 3 }],
    ['that was said to be kept, and was not', 2, { kind: 'loses' }],
    ['that was too slow', 2, { kind: 'answers', status: 504 }],
    ['that overlaps', 2, { kind: 'answers', status: 416, code: 'invalidRange', inner: 'fragmentOverlap' }],
    ['that met a hiccup', 1, { kind: 'answers', status: 404, code: 'itemNotFound' }],
  ];
  it.each(unclear)('goes on after a fragment %s', async (_, nth, does) => {
    script(fragment, nth, does);
    await provider.put(name, bodyOf(bytes));
    expect(await cameBack()).toBe(true);
    expect(sent(/createUploadSession/)).toBe(1);
    expect(sent(/GET \S*\/up\//)).toBe(1);
    expect(double.files(email).filter(({ path }) => path.endsWith(name))).toHaveLength(1);
  });

  it('begins a body again that has to be sent from an earlier place', async () => {
    script(fragment, 2, { kind: 'keeps', bytes: 1 });
    let begun = 0;
    const body = { length: bytes.length, pieces: () => ((begun += 1), bodyOf(bytes, 9_999).pieces()) };
    await provider.put(name, body);
    expect(begun).toBe(2);
    expect(await cameBack()).toBe(true);
  });

  it('gives up on a session that never gets on', async () => {
    double.script({ about: fragment, does: { kind: 'answers', status: 500 } });
    await expect(provider.put(name, bodyOf(bytes))).rejects.toBeInstanceOf(ConnectionAway);
    expect(sent(fragment)).toBe(4);
  });

  it('is away when the session is gone, and whole when it is tried again', async () => {
    let asked = 0;
    const leaving = {
      length: bytes.length,
      *pieces() {
        asked += 1;
        for (const [index, piece] of [...bodyOf(bytes, 32 * KiB).pieces()].entries()) {
          if (index === 15 && asked === 1) double.advance(8 * 24 * 3_600_000);
          yield piece;
        }
      },
    };
    await expect(provider.put(name, leaving)).rejects.toBeInstanceOf(ConnectionAway);
    expect(await provider.stat(name)).toBeNull();
    await provider.put(name, leaving);
    expect(await cameBack()).toBe(true);
  });

  it.each([401, 404])(
    'begins anew, when it is tried again, after a session that answers %i from the start',
    async (status) => {
      double.script({ about: /\/up\//, does: { kind: 'answers', status } });
      await expect(provider.put(name, bodyOf(bytes))).rejects.toBeInstanceOf(ConnectionAway);
      double.script();
      await provider.put(name, bodyOf(bytes));
      expect(await cameBack()).toBe(true);
    },
  );

  it('finds the blob whole when only the session is gone', async () => {
    double.script(
      { about: fragment, nth: 3, does: hidden503 },
      { about: /GET \S*\/up\//, does: { kind: 'answers', status: 404 } },
    );
    expect(await provider.put(name, bodyOf(bytes))).toMatchObject({ kind: 'checksum' });
  });

  it('overwrites nothing that lies under its name', async () => {
    await provider.put(name, bodyOf(bytes));
    await expect(provider.put(name, bodyOf(someBytes(bytes.length, 'other')))).rejects.toBeInstanceOf(BlobMismatch);
    expect(await cameBack()).toBe(true);
    expect(await provider.put(name, bodyOf(bytes))).toMatchObject({ kind: 'checksum' });
  });

  it('is full, and leaves nothing, when there is no room: at once', async () => {
    double.accounts.add({ email: 'small@example.com', quota: 700 * KiB });
    const tokens = double.tokensOf('small@example.com');
    const tight = new OnedriveProvider({ tokens, origin: double.origin, folder: newFolderName(), sizes });
    await tight.writeMarker(someBytes(100));
    double.requests.length = 0;
    await expect(tight.put(name, bodyOf(bytes))).rejects.toBeInstanceOf(ConnectionFull);
    expect(sent(fragment)).toBe(0);
    expect(double.files('small@example.com')).toHaveLength(1);
    await expect(tight.put(name, bodyOf(someBytes(600 * KiB)))).resolves.toMatchObject({ kind: 'checksum' });
  });

  it('is full when there is no room at the last fragment, and takes the session away', async () => {
    script(fragment, 3, { kind: 'answers', status: 507, code: 'quotaLimitReached' });
    const before = double.bytes.openSessions;
    await expect(provider.put(name, bodyOf(bytes))).rejects.toBeInstanceOf(ConnectionFull);
    await expect.poll(() => double.bytes.openSessions).toBe(before);
  });

  it('takes the session away of a body that broke', async () => {
    const before = double.bytes.openSessions;
    const broken = { length: bytes.length, pieces: () => brokenAfter(400 * KiB) };
    await expect(provider.put(name, broken)).rejects.toThrow('the sender is gone');
    await expect.poll(() => double.bytes.openSessions).toBe(before);
  });

  it('sends nothing more when it is told to wait, and nobody would wait', async () => {
    script(fragment, 2, { kind: 'answers', status: 429, headers: { 'Retry-After': '31' } });
    const refusal = await provider.put(name, bodyOf(bytes)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Throttled);
    expect(refusal).toMatchObject({ retryAfterMs: 31_000 });
    expect(sent(/\/up\//)).toBe(2);
  });

  it('goes on with its session when the gate waits for it', async () => {
    const outcomes: string[] = [];
    const gate = { enter: async () => ({ end: ({ kind }: { kind: string }) => void outcomes.push(kind) }) };
    const folder = newFolderName();
    const paced = new OnedriveProvider({ tokens: double.tokensOf(email), origin: double.origin, folder, gate, sizes });
    await paced.writeMarker(someBytes(100));
    script(fragment, 2, { kind: 'answers', status: 429, headers: { 'Retry-After': '1' } });
    await paced.put(name, bodyOf(bytes));
    expect(outcomes.filter((kind) => kind === 'throttled')).toHaveLength(1);
    expect(sent(fragment)).toBe(4);
  });
});

describe('An upload in one piece', () => {
  it.each<[string, Misdeed]>([
    ['whose answer was lost', { kind: 'resets-after' }],
    ['whose failure was a success', { kind: 'fails-after', status: 500 }],
    ['that was said to be kept, and was not', { kind: 'loses' }],
    ['that arrived changed', { kind: 'spoils' }],
    ['that never arrived', { kind: 'resets' }],
  ])('is away %s, and there once after another try', async (_, does) => {
    script(whole, 1, does);
    await expect(provider.put(name, bodyOf(small))).rejects.toBeInstanceOf(ConnectionAway);
    expect(await provider.put(name, bodyOf(small))).toMatchObject({ kind: 'checksum' });
    expect(double.files(email).filter(({ path }) => path.endsWith(name))).toEqual([
      { path: expect.any(String), size: small.length },
    ]);
    expect((await readAll(provider, name, { offset: 0, length: small.length })).equals(small)).toBe(true);
  });

  it('looks by id where the answer tells no hash', async () => {
    double.ways.graph.hashes = 'not in the answer to an upload';
    try {
      expect(await provider.put(name, bodyOf(small))).toMatchObject({ kind: 'checksum' });
    } finally {
      double.ways.graph.hashes = 'none for empty files';
    }
  });

  it('has none to tell for an empty blob', async () => {
    expect(await provider.put(name, bodyOf(Buffer.alloc(0)))).toEqual({ kind: 'looked', checksum: null });
    expect(await provider.put(name, bodyOf(Buffer.alloc(0)))).toEqual({ kind: 'looked', checksum: null });
  });

  it.each([
    [{ status: 429, headers: { 'Retry-After': '31' } }, Throttled, 31_000],
    [{ status: 503, headers: { 'Retry-After': '10' } }, Throttled, 10_000],
    [{ status: 509 }, Throttled, null],
    [{ status: 503 }, ConnectionAway, null],
    [{ status: 423 }, ConnectionAway, null],
    [{ status: 507, code: 'quotaLimitReached' }, ConnectionFull, null],
    [{ status: 403, code: 'quotaLimitReached' }, ConnectionFull, null],
    [{ status: 403, code: 'accessDenied', inner: 'serviceReadOnly' }, WiderConsentNeeded, null],
  ])('says what %j means', async (words, fault, retryAfterMs) => {
    script(whole, 1, { kind: 'answers', ...words });
    const refusal = await provider.put(name, bodyOf(small)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(fault);
    expect((refusal as Throttled).retryAfterMs ?? null).toBe(retryAfterMs);
  });

  it('makes a shelf again that somebody has deleted', async () => {
    await provider.put(name, bodyOf(small));
    const drive = double.drive(email);
    const shelf = drive.below(drive.approot!, [...shelfOf(name)]);
    drive.remove(shelf!, false);
    await provider.put(name, bodyOf(small));
    expect(await provider.stat(name)).toMatchObject({ length: small.length });
  });

  it('never lies in an application’s folder that is gone', async () => {
    const drive = double.drive(email);
    drive.remove(drive.approot!, false);
    await expect(provider.put(name, bodyOf(small))).rejects.toBeInstanceOf(ConnectionAway);
    expect(await provider.readMarker()).toBeNull();
    expect(double.files(email)).toEqual([]);
  });

  it('never shows our token to the hosts of bytes', async () => {
    await provider.put(name, bodyOf(bytes));
    expect(await cameBack()).toBe(true);
    expect(double.bytes.tokensSeen).toBe(0);
  });

  it('is not sent inside a wait that was asked for, by who retries', async () => {
    script(whole, 1, { kind: 'answers', status: 429, headers: { 'Retry-After': '20' } });
    const clock = new TestClock();
    await retrying(provider, { clock, random: () => 0 }).put(name, bodyOf(small));
    expect(clock.sleeps).toEqual([20_000]);
  });
});

function shelfOf(blob: BlobName): readonly string[] {
  const path = double.files(email).find((file) => file.path.endsWith(blob))?.path ?? '';
  return path.split('/').slice(0, 2);
}

function* brokenAfter(length: number): Generator<Buffer> {
  yield* bodyOf(bytes.subarray(0, length), 32 * KiB).pieces();
  throw new Error('the sender is gone');
}
