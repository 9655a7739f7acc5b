import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { sealMarker } from '#crypto';
import { type BlobListing, ConnectionAway, newBlobName, Throttled } from '#storage';
import { type DavServer, startApache } from '#storage/testing';
import { JobLost, RunJobs, Worker } from '../src/jobs/index.js';
import { RootKeyring } from '../src/keys/index.js';
import { ByListing } from '../src/upkeep/scrub/by-listing.js';
import { NoteSeen } from '../src/upkeep/scrub/note-seen.js';
import { ScrubJob } from '../src/upkeep/scrub/scrub-job.js';
import { type GoogleDouble, startGoogle } from './doubles/google/index.js';
import { type MicrosoftDouble, startMicrosoftDouble } from './doubles/microsoft/index.js';
import { Client } from './support/client.js';
import { begin, bringBack, connectByConsent, googleSettings } from './support/consent.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { addHashingClouds, HASHING_CLOUD, type HashingCloud } from './support/hashing-cloud.js';
import { inside, standStill } from './support/inside.js';
import { signIn } from './support/people.js';
import { Scrubbing } from './support/scrubbing.js';

/** `npm run search:scrub` measures 5,000 pieces of a mebibyte. */
const CHUNK = Number(process.env['SCRUB_CHUNK'] ?? 64 * 1024);
const BLOBS = Number(process.env['SCRUB_BLOBS'] ?? 60);
const LONG = BLOBS > 1000 ? 1_800_000 : 120_000;
const ada = 'ada@example.com';

let google: GoogleDouble;
let microsoft: MicrosoftDouble;
let apache: DavServer;
let gateway: TestGateway;
let client: Client;
let scrubbing: Scrubbing;
const added = addHashingClouds();

beforeAll(async () => {
  [google, microsoft, apache] = await Promise.all([startGoogle(), startMicrosoftDouble(), startApache()]);
  gateway = await startGateway({
    environment: {
      ...googleSettings(google),
      MICROSOFT_CLIENT_ID: microsoft.clientId,
      MICROSOFT_CLIENT_SECRET: microsoft.clientSecret,
      TESSERA_MICROSOFT_ORIGIN: microsoft.origin,
      TESSERA_CHUNK_BYTES: String(CHUNK),
      TESSERA_ALLOW_HOSTS: '127.0.0.1,localhost',
    },
  });
  client = new Client(gateway, await signIn(gateway));
  await standStill(gateway);
  scrubbing = await Scrubbing.of(gateway, client);
});
afterAll(async () => {
  await scrubbing?.[Symbol.asyncDispose]();
  client?.[Symbol.dispose]();
  await gateway?.stop();
  await Promise.all([google?.stop(), microsoft?.stop(), apache?.stop()]);
  added[Symbol.dispose]();
});

async function storeIn(connection: string): Promise<void> {
  await client.spread(1, 0, [connection]);
}

let files = 0;
async function fill(chunks: number): Promise<{ path: string; bytes: Buffer }> {
  const file = { path: `file-${(files += 1)}`, bytes: randomBytes(chunks * CHUNK) };
  expect((await client.put(file.path, file.bytes)).status).toBe(201);
  return file;
}

/** A stored blob, as whoever has the place in hand can spoil it. */
interface Spoilable {
  readonly name: string;
  lose(): Promise<void> | void;
  /** Null takes half of it away. */
  change(how: 'flip' | 'cut'): Promise<void> | void;
}

const changed = (bytes: Buffer, how: 'flip' | 'cut'): Buffer => {
  if (how === 'cut') return bytes.subarray(0, bytes.length / 2);
  const copy = Buffer.from(bytes);
  copy[copy.length - 10]! ^= 4;
  return copy;
};

const PLACES: readonly { name: string; connect(): Promise<string>; blobs(): Promise<Spoilable[]> }[] = [
  {
    name: 'Apache’s WebDAV, which lists no checksum',
    async connect() {
      const form = { label: 'Apache', url: apache.url, ...apache.login };
      const made = await client.json('POST', '/api/cloud/connections/webdav', form);
      return made.json<{ id: string }>().id;
    },
    async blobs() {
      const entries = await readdir(apache.files, { recursive: true, withFileTypes: true });
      const paths = entries.filter(({ name }) => /^[a-z2-7]{26}$/.test(name));
      return paths.map(({ name, parentPath }) => {
        const path = join(parentPath, name);
        return {
          name,
          lose: () => unlink(path),
          async change(how) {
            const bytes = await readFile(path);
            if (how === 'cut') await truncate(path, bytes.length / 2);
            else await writeFile(path, changed(bytes, how));
          },
        };
      });
    },
  },
  {
    name: 'Google Drive',
    async connect() {
      return (await connectByConsent(gateway, google, client.token, { provider: 'google-drive' })).id;
    },
    async blobs() {
      const items = [...google.items().values()].filter(({ bytes }) => bytes !== null && bytes.length > 4096);
      return items.map((item) => ({
        name: item.id,
        lose: () => google.deleteByHand(item.id),
        change: (how) => google.changeByHand(item.id, changed(item.bytes!, how)),
      }));
    },
  },
  {
    name: 'OneDrive',
    async connect() {
      const begun = await begin(gateway, client.token, '?label=Ada', 'onedrive');
      const back = await microsoft.consent(begun.url);
      const answer = await bringBack(gateway, new URL(back), { Cookie: begun.cookie });
      return answer.json<{ id: string }>().id;
    },
    async blobs() {
      const stored = microsoft.files(ada).filter(({ size }) => size > 4096);
      return stored.map(({ path }) => ({
        name: path.split('/').at(-1)!,
        lose: () => microsoft.changeByHand(ada, path, () => null),
        change: (how) => microsoft.changeByHand(ada, path, (bytes) => changed(bytes, how)),
      }));
    },
  },
];

describe.each(PLACES)('what is lost at $name', ({ connect, blobs }) => {
  it('is found within one scrub, all of it and nothing else', async () => {
    const connection = await connect();
    await storeIn(connection);
    await fill(20);
    expect(await scrubbing.now(connection)).toMatchObject({ blobs: 20, missing: 0, damaged: 0, unknown: 0 });
    const all = await blobs();
    expect(all).toHaveLength(20);
    const names = (some: readonly Spoilable[]) => some.map(({ name }) => name).toSorted((a, b) => (a < b ? -1 : 1));
    for (const blob of all.slice(0, 2)) await blob.lose();
    for (const blob of all.slice(2, 4)) await blob.change('flip');
    for (const blob of all.slice(4, 6)) await blob.change('cut');
    expect(await scrubbing.now(connection)).toMatchObject({ missing: 2, damaged: 4 });
    expect(await scrubbing.faults(connection)).toEqual({
      missing: names(all.slice(0, 2)),
      damaged: names(all.slice(2, 6)),
    });
  });
});

describe('a place that lists checksums', () => {
  let cloud: HashingCloud;
  let connection: string;

  beforeEach(async () => {
    const made = await client.json('POST', `/api/cloud/connections/${HASHING_CLOUD}`, { label: 'hashing' });
    expect(made.status).toBe(201);
    connection = made.json<{ id: string }>().id;
    cloud = added.clouds.at(-1)!;
    await storeIn(connection);
  });
  afterEach(() => {
    inside(gateway, ByListing).mostBeyond = 100_000;
    inside(gateway, ScrubJob).turnMs = 20_000;
  });

  const names = () => [...cloud.blobs.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  const untouched = async () => expect(await scrubbing.faults(connection)).toEqual({ missing: [], damaged: [] });
  const markAs = async (change: object) => {
    const { rows } = await scrubbing.database.query('select id from installation');
    const marker = { gateway: rows[0].id, connection, sequence: 0, ...change };
    await cloud.writeMarker(sealMarker(inside(gateway, RootKeyring).current.markerSeal, marker));
  };

  it('is believed, and hardly read at all', async () => {
    await fill(40);
    const { read } = await scrubbing.now(connection);
    expect(read).toBeLessThan(5);
    expect(await scrubbing.now(connection, '?reads=all')).toMatchObject({ read: 40, damaged: 0 });
  });

  it('is caught by reading when it serves garbage under the right checksums, and no listing acquits it', async () => {
    await fill(20);
    for (const name of names()) cloud.garbage.set(name, randomBytes(cloud.blobs.get(name)!.length));
    expect(await scrubbing.now(connection, '?reads=all')).toMatchObject({ damaged: 20 });
    expect(await scrubbing.daily(connection)).toMatchObject({ healed: 0 });
    expect((await scrubbing.faults(connection)).damaged).toHaveLength(20);
    cloud.garbage.clear();
    expect(await scrubbing.now(connection)).toMatchObject({ healed: 20 });
  });

  it('is read before it is blamed when its listing says what is not so', async () => {
    await fill(12);
    const absurd = [NaN, -1, Infinity, 1e300, 0.5, 2 ** 53, 0];
    cloud.listed = (page) => ({
      ...page,
      entries: page.entries.map((entry, nth) =>
        nth % 2 === 0 ? { ...entry, length: absurd[nth % absurd.length]! } : { ...entry, checksum: `md5:${nth}` },
      ),
    });
    expect(await scrubbing.now(connection)).toMatchObject({ damaged: 0, missing: 0 });
    await untouched();
  });

  it('loses nothing by a listing that leaves out, repeats and makes up', async () => {
    await fill(25);
    const made = ['../../etc/passwd', '', 'x', '\0'.repeat(20), 'n'.repeat(5000), "'; drop table blobs; --", 7, null];
    cloud.listed = (page) => ({
      ...page,
      entries: [
        ...page.entries.slice(0, 4),
        ...page.entries.slice(0, 4),
        ...made.map((name) => ({ name: name as string, length: 5, checksum: null, foreign: false })),
        { name: newBlobName(), length: 1, checksum: null, foreign: true },
      ],
    });
    for (let round = 0; round < 3; round += 1) {
      expect(await scrubbing.now(connection)).toMatchObject({ missing: 0, damaged: 0, swept: 0, unknown: 0 });
      await scrubbing.hoursPass(2);
    }
    await untouched();
    expect(cloud.blobs.size).toBe(25);
  });

  it.each<[string, (page: BlobListing, cursor?: string) => BlobListing]>([
    ['without an end', (page) => ({ entries: page.entries, nextCursor: randomUUID() })],
    ['in a ring', (page, cursor) => ({ ...page, nextCursor: cursor === 'a' ? 'b' : 'a' })],
    ['of empty pages', () => ({ entries: [], nextCursor: randomUUID() })],
    [
      'of names that nobody ever gave',
      () => ({
        entries: Array.from({ length: 100 }, () => ({
          name: newBlobName(),
          length: 1,
          checksum: null,
          foreign: false,
        })),
        nextCursor: randomUUID(),
      }),
    ],
  ])('is given up when it lists %s, and read instead', async (_how, lie) => {
    inside(gateway, ByListing).mostBeyond = 200;
    await fill(5);
    cloud.listed = lie;
    expect(await scrubbing.now(connection)).toMatchObject({ swept: 0, missing: 0, damaged: 0 });
    await untouched();
    expect(cloud.blobs.size).toBe(5);
  });

  it('is listed to its end though cursors break off, and from the start where they are no longer good', async () => {
    await fill(45);
    const [lost] = names();
    cloud.blobs.delete(lost!);
    const cursors: (string | undefined)[] = [];
    cloud.listed = (page, cursor) => {
      cursors.push(cursor);
      const asked = cursors.length;
      if ((asked > 1 && asked < 8) || asked === 10) throw new ConnectionAway('The cursor has lapsed.');
      if (asked === 12) throw new Throttled(1);
      return page;
    };
    const job = await scrubbing.ask(connection);
    expect(await scrubbing.ended(job.id)).toMatchObject({ state: 'done' });
    // Two attempts, each of three calls, with the same one; then the first page once more.
    expect(new Set(cursors.slice(1, 7)).size).toBe(1);
    expect(cursors.flatMap((cursor, nth) => (cursor === undefined ? [nth] : []))).toEqual([0, 7]);
    expect(await scrubbing.faults(connection)).toEqual({ missing: [lost], damaged: [] });
  });

  it('is gone on with at the page where the last turn ended', async () => {
    await fill(45);
    inside(gateway, ScrubJob).turnMs = 0;
    const cursors: (string | undefined)[] = [];
    cloud.listed = (page, cursor) => {
      cursors.push(cursor);
      return page;
    };
    inside(gateway, ScrubJob).turnMs = 1;
    expect(await scrubbing.now(connection)).toMatchObject({ blobs: 45, missing: 0 });
    expect(cursors).toHaveLength(5);
    expect(new Set(cursors).size).toBe(5);
  });

  it('loses no blob of an upload that is under way while what is nobody’s is swept, round after round', async () => {
    const stored: { path: string; bytes: Buffer }[] = [];
    cloud.pageLength = 50;
    let over = false;
    let wanted = 10;
    const uploading = (async () => {
      while (!over) {
        if (stored.length < wanted) stored.push(await fill(3));
        else await pause(1);
      }
    })();
    let swept = 0;
    for (let round = 0; round < 5; round += 1) {
      for (let nth = 0; nth < 5; nth += 1) cloud.blobs.set(newBlobName(), Buffer.from('left behind'));
      swept += (await scrubbing.now(connection)).swept;
      await scrubbing.hoursPass(2);
      wanted = stored.length + 10;
    }
    over = true;
    await uploading;
    expect(swept).toBe(20);
    for (const { path, bytes } of stored) expect((await client.get(path)).body.equals(bytes)).toBe(true);
    await untouched();
  });

  it('is swept no further when another gateway’s marker comes to lie there meanwhile', async () => {
    await fill(3);
    for (let nth = 0; nth < 250; nth += 1) cloud.blobs.set(newBlobName(), Buffer.from('somebody’s'));
    await scrubbing.now(connection);
    await scrubbing.hoursPass(2);
    let changed = false;
    cloud.beforeDelete = async () => {
      if (changed) return;
      changed = true;
      await markAs({ gateway: randomUUID() });
    };
    const { swept } = await scrubbing.now(connection);
    expect(swept).toBeLessThanOrEqual(100);
    expect(cloud.blobs.size).toBeGreaterThanOrEqual(153);
    expect(await scrubbing.alarm(connection)).toMatch('another gateway');
  });

  it('is not blamed by a worker that was paused, and wakes when another has gone on', async () => {
    await fill(4);
    // Who is paused does not look whether the job is still its own.
    const looking = vi.spyOn(inside(gateway, RunJobs), 'lookOnce').mockResolvedValue();
    const [asleep, mayWake, secondHere, mayGoOn] = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    let reads = 0;
    let woken: string | undefined;
    cloud.beforeGet = async (name) => {
      reads += 1;
      if (reads === 1) {
        woken = name;
        asleep!.resolve();
        await mayWake!.promise;
      } else if (reads > 4) {
        secondHere!.resolve();
        await mayGoOn!.promise;
      }
    };
    const job = await scrubbing.ask(connection, '?reads=all');
    await asleep!.promise;
    // Its gateway counts as dead: another attempt begins where it stood, and is not at its end when the first one wakes.
    const stolen = `update jobs set state = 'waiting', gateway = null, next_at = now() where id = $1`;
    await scrubbing.database.query(stolen, [job.id]);
    await inside(gateway, Worker).recover(0);
    await secondHere!.promise;
    const noting = vi.spyOn(inside(gateway, NoteSeen), 'run');
    cloud.garbage.set(woken!, randomBytes(cloud.blobs.get(woken!)!.length));
    mayWake!.resolve();
    while (noting.mock.results.length === 0) await pause(5);
    await expect(noting.mock.results[0]!.value).rejects.toThrow(JobLost);
    noting.mockRestore();
    looking.mockRestore();
    cloud.garbage.clear();
    mayGoOn!.resolve();
    expect(await scrubbing.ended(job.id)).toMatchObject({ state: 'done' });
    await untouched();
  });
});

describe('what it costs', () => {
  const MiB = 1024 * 1024;
  const fillUp = async () => {
    for (let left = BLOBS; left > 0; left -= 50) await fill(Math.min(50, left));
  };

  async function measured(name: string, connection: string): Promise<void> {
    // Nobody uses anything for a moment: how far it stays behind people is tried elsewhere.
    await pause(1_100);
    const before = process.memoryUsage();
    let peak = before;
    const look = setInterval(() => {
      const now = process.memoryUsage();
      if (now.rss > peak.rss) peak = now;
    }, 20);
    const began = performance.now();
    const { blobs, bytesRead } = await scrubbing.now(connection);
    const seconds = (performance.now() - began) / 1000;
    clearInterval(look);
    expect(blobs).toBe(BLOBS);
    const grown = (peak.rss - before.rss) / MiB;
    // What is in hand are pieces and rows, however many blobs there are.
    expect(grown).toBeLessThan(250);
    console.log(
      `${name}: ${blobs} blobs in ${seconds.toFixed(1)} s, ${(bytesRead / MiB).toFixed(0)} MiB read (${(bytesRead / MiB / seconds).toFixed(0)} MiB/s), peak memory +${grown.toFixed(0)} MiB`,
    );
  }

  it('to read all of a vault', { timeout: LONG }, async () => {
    const path = await mkdtemp(join(tmpdir(), 'tessera-scrub-'));
    try {
      const made = await client.json('POST', '/api/cloud/connections/local', { label: 'vault', path });
      const connection = made.json<{ id: string }>().id;
      await storeIn(connection);
      await fillUp();
      await measured('by reading', connection);
    } finally {
      await rm(path, { recursive: true });
    }
  });

  it('to have all of a cloud listed', { timeout: LONG }, async () => {
    const made = await client.json('POST', `/api/cloud/connections/${HASHING_CLOUD}`, { label: 'listed' });
    const connection = made.json<{ id: string }>().id;
    added.clouds.at(-1)!.pageLength = 1000;
    await storeIn(connection);
    await fillUp();
    await measured('by listing', connection);
  });
});
