import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  type Asked,
  driveError,
  type GoogleDouble,
  type Misdeed,
  slowDown,
  startGoogle,
} from '../../../../test/doubles/google/index.js';
import { newFolderName } from '../../folder-name.js';
import type { BlobBody, BlobName, StorageProvider } from '../../provider.js';
import { someBytes, TestClock, listAll } from '../../testing/index.js';
import { retrying } from '../../wrappers/index.js';
import { googleDrive } from './index.js';

const MiB = 1024 * 1024;
const listLagMs = 60_000;

/** From nothing to `largest`, each longer than the one before by the same factor. */
function sizesTo(largest: number, count: number): number[] {
  return [0, ...Array.from({ length: count - 1 }, (_, index) => Math.floor(largest ** (index / (count - 2))))];
}

let google: GoogleDouble;
let skew = 0;
let made: Misdeed['kind'][] = [];
let turns = { upload: 0, download: 0, other: 0 };

beforeEach(async () => {
  made = [];
  turns = { upload: 0, download: 0, other: 0 };
  skew = 0;
  google = await startGoogle({ now: () => Date.now() + skew, ways: { listLagMs } });
});

afterEach(() => google.stop());

const answers = (status: number, body?: object, headers?: Record<string, string>): Misdeed => ({
  kind: 'answers',
  status,
  ...(body && { body }),
  ...(headers && { headers }),
});

const before: readonly Misdeed[] = [
  { kind: 'resets' },
  answers(500, driveError(500, 'internalError')),
  answers(503, driveError(503, 'backendError')),
  answers(429, slowDown('rateLimitExceeded', 429), { 'retry-after': '3' }),
  answers(403, slowDown()),
  answers(401, driveError(401, 'authError', 'Invalid Credentials')),
];
const after: readonly Misdeed[] = [{ kind: 'resets-after' }, { kind: 'fails-after', status: 502 }];
const sent: readonly Misdeed[] = [
  { kind: 'cuts', after: 3000 },
  { kind: 'cuts', after: 2 * MiB },
  { kind: 'loses' },
  { kind: 'spoils' },
  { kind: 'miscounts' },
];
const received: readonly Misdeed[] = [
  { kind: 'gzips' },
  { kind: 'cuts', after: 3000 },
  { kind: 'cuts', after: 2 * MiB },
];

/** Whatever can befall a request of this kind, each in its turn. */
function choose({ method, path }: Asked): Misdeed {
  const begins = path.includes('uploadType=resumable&fields') && !path.includes('upload_id');
  const kind = path.startsWith('/upload') && !begins ? 'upload' : path.includes('alt=media') ? 'download' : 'other';
  const own = kind === 'upload' ? sent : method === 'GET' ? received : [];
  const possible = [...own, ...after, ...before];
  const misdeed = possible[turns[kind] % possible.length]!;
  turns[kind] += 1;
  made.push(misdeed.kind);
  return misdeed;
}

/** Made anew at each reading: nothing here is as large as the file. */
function bodyOf(length: number): BlobBody {
  const block = someBytes(Math.min(length, MiB), `file ${length}`);
  return {
    length,
    *pieces() {
      for (let at = 0; at < length; at += block.length) {
        const piece = Buffer.from(block.subarray(0, Math.min(block.length, length - at)));
        piece[0]! ^= (at / MiB) & 255;
        yield piece;
      }
    },
  };
}

async function hashOf(pieces: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha1');
  for await (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

async function open(): Promise<StorageProvider> {
  let token = google.grant().accessToken;
  const tokens = { current: async () => token, renew: async () => (token = google.grant().accessToken) };
  const place = { settings: {}, folder: newFolderName(), instance: 'one', tokens, origin: google.origin };
  const settings = await googleDrive.settle!(place);
  const provider = await googleDrive.open({ ...place, settings });
  return retrying(provider, { clock: new TestClock(), budget: { attempts: 40, totalMs: Infinity } });
}

it.each([
  { sizes: sizesTo(100 * MiB, 64), share: 0.05 },
  { sizes: sizesTo(12 * MiB, 40), share: 0.4 },
])(
  '$sizes.length files come back while $share of all requests fail, and nothing is left beside them',
  async (round) => {
    const { sizes, share } = round;
    const provider = await open();
    google.roughen({ share, seed: 'google', choose });
    await provider.writeMarker(Buffer.from('marker'));
    const kept = new Map<BlobName, number>();
    const one = async (index: number): Promise<void> => {
      const body = bodyOf(sizes[index]!);
      const name = await provider.nameBlob();
      const proof = await provider.put(name, body);
      expect(proof.kind).toBe('checksum');
      const expected = await hashOf(body.pieces());
      // Several ranges, so that there are more requests to go wrong.
      const part = Math.max(1, Math.ceil(body.length / 4));
      const read = async function* (): AsyncGenerator<Buffer> {
        for (let offset = 0; offset < body.length; offset += part)
          yield* provider.get(name, { offset, length: Math.min(part, body.length - offset) });
      };
      expect(await hashOf(read()), `file ${index}`).toBe(expected);
      expect((await provider.stat(name))?.length).toBe(body.length);
      if (body.length < MiB && index % 2 === 0) kept.set(name, body.length);
      else await provider.delete(name);
    };
    const waiting = sizes.map((_, index) => index);
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) await one(index);
      }),
    );
    const requests = google.heard.length;
    google.roughen(null);
    skew = 2 * listLagMs;
    const listed = await listAll(provider);
    expect(new Map(listed.map(({ name, length }) => [name, length]))).toEqual(kept);
    const there = [...google.items().values()].filter(({ bytes }) => bytes !== null);
    expect(there).toHaveLength(kept.size + 1);
    for (const name of kept.keys()) await provider.delete(name);
    await provider.removeFolder();
    expect(made.length / requests).toBeGreaterThan(share / 2);
    const kinds = [...before, ...after, ...sent, ...received].map(({ kind }) => kind);
    if (share > 0.1) expect([...new Set(made)].sort()).toEqual([...new Set(kinds)].sort());
  },
  120_000,
);
