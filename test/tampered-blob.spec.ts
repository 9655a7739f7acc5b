import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, truncateSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FRAME_LENGTH, HEADER_LENGTH } from '#crypto';
import { Client, type Received } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, intruder, vaultOf } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';

/** All bits instead of a sample: `npm run search:tamper`. */
const ALL = process.env['TESSERA_SEARCH'] === 'all';
const CHUNK = 2 * FRAME_LENGTH;

interface Stored {
  readonly path: string;
  readonly plain: Buffer;
  /** Of its chunks, in order. */
  readonly blobs: readonly string[];
}

let gateway: TestGateway;
let mine: Client;
let other: Client;
beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK) } });
  const admin = await signIn(gateway);
  mine = new Client(gateway, admin);
  other = new Client(gateway, (await newPerson(gateway, admin, ['user'])).token);
});
afterAll(async () => {
  mine?.[Symbol.dispose]();
  other?.[Symbol.dispose]();
  await gateway?.stop();
});

async function store(client: Client, path: string, plain: Buffer): Promise<Stored> {
  const answer = await client.put(path, plain);
  expect(answer.status).toBeLessThan(202);
  await using database = await intruder(gateway);
  const { rows } = await database.query<{ name: string }>(
    `select b.name from versions v
     join shards s on s.account = v.account and s.content = v.content
     join blobs b on b.account = s.account and b.id = s.blob where v.id = $1 order by s.chunk`,
    [answer.json()['version']],
  );
  const paths = await blobsOnDisk(vaultOf(gateway));
  return { path, plain, blobs: rows.map(({ name }) => paths.get(name)!) };
}

/** What a client that trusts a whole answer is left with: the right bytes, a refusal, or a broken connection. */
function verdict({ status, body, whole, type }: Received, plain: Buffer): 'right' | 'refused' | 'cut' | 'WRONG' {
  if (status >= 400) return status === 502 && type === 'content-damaged' && whole ? 'refused' : 'WRONG';
  if (!plain.subarray(0, body.length).equals(body)) return 'WRONG';
  if (!whole) return 'cut';
  return body.length === plain.length ? 'right' : 'WRONG';
}

async function read(client: Client, file: Stored) {
  return verdict(await client.get(file.path), file.plain);
}

/** Runs a mutation, reads, and puts the blob back. */
async function whileMutated(blob: string, mutate: (whole: Buffer) => Buffer | null, look: () => Promise<void>) {
  const whole = readFileSync(blob);
  const mutated = mutate(Buffer.from(whole));
  if (mutated === null) unlinkSync(blob);
  else writeFileSync(blob, mutated);
  try {
    await look();
  } finally {
    writeFileSync(blob, whole);
  }
}

function flip(handle: number, whole: Buffer, bit: number): void {
  const at = bit >> 3;
  writeSync(handle, Buffer.from([whole[at]! ^ (1 << (bit & 7))]), 0, 1, at);
}

/** Bits spread evenly over a range of bytes, each at another place in its byte. */
function spreadBits(from: number, to: number, most: number): number[] {
  const bits = (to - from) * 8;
  const count = ALL ? bits : Math.min(most, bits);
  return Array.from({ length: count }, (_, nth) => from * 8 + Math.floor((nth * bits) / count));
}

async function tally(file: Stored, blob: string, bits: readonly number[]) {
  const whole = readFileSync(blob);
  const handle = openSync(blob, 'r+');
  const seen = new Map<string, number>();
  try {
    for (const bit of bits) {
      flip(handle, whole, bit);
      const found = await read(mine, file);
      seen.set(found, (seen.get(found) ?? 0) + 1);
      writeSync(handle, whole, bit >> 3, 1, bit >> 3);
    }
  } finally {
    closeSync(handle);
  }
  return Object.fromEntries(seen);
}

describe('a flipped bit', () => {
  let file: Stored;
  beforeAll(async () => {
    file = await store(mine, 'small', randomBytes(1500));
  });

  it('of what was sealed is always noticed before the first byte', { timeout: 600_000 }, async () => {
    const [blob] = file.blobs as [string];
    const bits = spreadBits(HEADER_LENGTH, readFileSync(blob).length, 2048);
    expect(await tally(file, blob, bits)).toEqual({ refused: bits.length });
  });

  it('of the header changes nothing: what is read stands in the manifest', async () => {
    const [blob] = file.blobs as [string];
    const bits = spreadBits(0, HEADER_LENGTH, HEADER_LENGTH * 8);
    expect(await tally(file, blob, bits)).toEqual({ right: bits.length });
  });

  it('in a later frame or chunk breaks the answer off before it, and a range beside it is right', async () => {
    const long = await store(mine, 'long', randomBytes(3 * CHUNK));
    const frame = FRAME_LENGTH + 16;
    const bit = (HEADER_LENGTH + frame + 5) * 8;
    const flipped = (whole: Buffer) => {
      whole[bit >> 3]! ^= 1;
      return whole;
    };
    await whileMutated(long.blobs[1]!, flipped, async () => {
      const cut = await mine.get(long.path);
      expect([cut.status, verdict(cut, long.plain)]).toEqual([200, 'cut']);
      expect(cut.body.length).toBeLessThanOrEqual(CHUNK + FRAME_LENGTH);
      const before = await mine.get(long.path, { Range: `bytes=0-${CHUNK + FRAME_LENGTH - 1}` });
      expect([before.status, verdict(before, long.plain.subarray(0, CHUNK + FRAME_LENGTH))]).toEqual([206, 'right']);
      const after = await mine.get(long.path, { Range: `bytes=${2 * CHUNK}-` });
      expect([after.status, verdict(after, long.plain.subarray(2 * CHUNK))]).toEqual([206, 'right']);
      const within = await mine.get(long.path, { Range: `bytes=${CHUNK + FRAME_LENGTH}-${CHUNK + FRAME_LENGTH}` });
      expect([within.status, within.type]).toEqual([502, 'content-damaged']);
    });
    expect(await read(mine, long)).toBe('right');
  });
});

describe('a blob of another length', () => {
  let file: Stored;
  beforeAll(async () => {
    file = await store(mine, 'cut', randomBytes(1500));
  });

  it('is noticed at every cut', { timeout: 600_000 }, async () => {
    const [blob] = file.blobs as [string];
    const whole = readFileSync(blob);
    const step = ALL ? 1 : 9;
    for (let length = whole.length - 1; length >= 0; length -= step) {
      truncateSync(blob, length);
      expect([length, await read(mine, file)]).toEqual([length, 'refused']);
    }
    writeFileSync(blob, whole);
    expect(await read(mine, file)).toBe('right');
  });

  it.each<[string, (whole: Buffer) => Buffer | null, string]>([
    ['gone', () => null, 'refused'],
    ['empty', () => Buffer.alloc(0), 'refused'],
    ['zeroed', (whole) => whole.fill(0), 'refused'],
    ['of other random bytes', (whole) => randomBytes(whole.length), 'refused'],
    ['shifted by a byte', (whole) => Buffer.concat([Buffer.alloc(1), whole.subarray(0, -1)]), 'refused'],
    ['without its tag', (whole) => whole.subarray(0, -16), 'refused'],
    ['with its tag cut to four bytes', (whole) => whole.subarray(0, -12), 'refused'],
    ['doubled: what was not asked for is not read', (whole) => Buffer.concat([whole, whole]), 'right'],
    ['longer by a byte: it is not read', (whole) => Buffer.concat([whole, Buffer.alloc(1)]), 'right'],
  ])('%s', async (_, mutate, expected) => {
    await whileMutated(file.blobs[0]!, mutate, async () => expect(await read(mine, file)).toBe(expected));
    expect(await read(mine, file)).toBe('right');
  });
});

describe('frames in another order', () => {
  const sealed = FRAME_LENGTH + 16;
  const frame = (whole: Buffer, nth: number) =>
    whole.subarray(HEADER_LENGTH + nth * sealed, HEADER_LENGTH + (nth + 1) * sealed);

  it.each<[string, (whole: Buffer) => Buffer]>([
    ['swapped', (whole) => Buffer.concat([whole.subarray(0, HEADER_LENGTH), frame(whole, 1), frame(whole, 0)])],
    [
      'the first one twice',
      (whole) => Buffer.concat([whole.subarray(0, HEADER_LENGTH), frame(whole, 0), frame(whole, 0)]),
    ],
    [
      'the last one twice',
      (whole) => Buffer.concat([whole.subarray(0, HEADER_LENGTH), frame(whole, 1), frame(whole, 1)]),
    ],
  ])('%s are never served as the file', async (_, mutate) => {
    const file = await store(mine, 'frames', randomBytes(CHUNK));
    await whileMutated(file.blobs[0]!, mutate, async () =>
      expect(['refused', 'cut']).toContain(await read(mine, file)),
    );
    expect(await read(mine, file)).toBe('right');
  });
});

describe('a blob in the place of another', () => {
  const swapped = async (a: string, b: string, look: () => Promise<void>) => {
    const [first, second] = [readFileSync(a), readFileSync(b)];
    writeFileSync(a, second);
    writeFileSync(b, first);
    await look();
    writeFileSync(a, first);
    writeFileSync(b, second);
  };
  const notServed = async (client: Client, file: Stored) =>
    expect(['refused', 'cut']).toContain(await read(client, file));

  it('every pair of chunks of one file, also when their plaintext is the same', async () => {
    const slice = randomBytes(CHUNK);
    const file = await store(mine, 'chunks', Buffer.concat([slice, slice, slice, slice.subarray(0, 700)]));
    for (let a = 0; a < file.blobs.length; a += 1) {
      for (let b = a + 1; b < file.blobs.length; b += 1) {
        await swapped(file.blobs[a]!, file.blobs[b]!, () => notServed(mine, file));
      }
    }
    expect(await read(mine, file)).toBe('right');
  });

  it('of another file with the same bytes and size', async () => {
    const plain = randomBytes(900);
    const [a, b] = [await store(mine, 'one', plain), await store(mine, 'two', plain)];
    await swapped(a.blobs[0]!, b.blobs[0]!, async () => {
      expect([await read(mine, a), await read(mine, b)]).toEqual(['refused', 'refused']);
    });
    expect([await read(mine, a), await read(mine, b)]).toEqual(['right', 'right']);
  });

  it('of another account', async () => {
    const [a, b] = [await store(mine, 'mine', randomBytes(900)), await store(other, 'theirs', randomBytes(900))];
    await swapped(a.blobs[0]!, b.blobs[0]!, async () => {
      expect([await read(mine, a), await read(other, b)]).toEqual(['refused', 'refused']);
    });
    expect([await read(mine, a), await read(other, b)]).toEqual(['right', 'right']);
  });

  it('of any older version of the same file', async () => {
    const older: Stored[] = [];
    for (let version = 0; version < 20; version += 1) older.push(await store(mine, 'versions', randomBytes(900)));
    const newest = await store(mine, 'versions', randomBytes(900));
    for (const { blobs } of older) {
      await whileMutated(
        newest.blobs[0]!,
        () => readFileSync(blobs[0]!),
        async () => expect(await read(mine, newest)).toBe('refused'),
      );
    }
    expect(await read(mine, newest)).toBe('right');
  });
});
