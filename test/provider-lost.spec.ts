import { randomBytes, randomInt } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BlobName, type Clock, systemClock } from '#storage';
import { ConnectionPool } from '../src/connections/index.js';
import { Hedging } from '../src/transfers/hedging.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder, upkeep } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';
import { connectPlaces, type TestPlaces } from './support/places.js';

const CHUNK = 256 * 1024;
const PLACES = 6;

let gateway: TestGateway;
let admin: Client;
let places: TestPlaces;
let connections: string[];
const clients: Client[] = [];
/** Connections whose reads never end by themselves. */
const hanging = new Set<string>();
/** The time of the gateway's readers: quicker, so that waiting for a place that hangs takes less of ours; and put forward. */
const PACE = 4;
let skewMs = 0;
const readersClock: Clock = {
  now: () => systemClock.now() * PACE + skewMs,
  sleep: (ms, signal) => systemClock.sleep(ms / PACE, signal),
};

beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK) } });
  admin = new Client(gateway, await signIn(gateway));
  clients.push(admin);
  places = await connectPlaces(admin, PLACES);
  connections = places.all.map(({ id }) => id);
  const pool = inside(gateway, ConnectionPool);
  const open = pool.provider.bind(pool);
  pool.provider = async (id, patience) => {
    const provider = await open(id, patience);
    return hanging.has(id)
      ? { ...provider, get: (_name: BlobName, _range, options) => silence(options?.signal) }
      : provider;
  };
  inside(gateway, Hedging).clock = readersClock;
});

async function* silence(signal?: AbortSignal): AsyncGenerator<Buffer> {
  yield await new Promise<Buffer>((_, reject) =>
    signal?.addEventListener('abort', () => reject(signal.reason as Error)),
  );
}

/** Who was late is asked as before, and the minute's hedges are over. */
const minutesLater = (): void => void (skewMs += 120_000);

afterAll(async () => {
  for (const client of clients) client[Symbol.dispose]();
  await gateway?.stop();
  await places?.[Symbol.asyncDispose]();
});

/** Somebody whose chunks are spread over the first so many places. */
async function personWith(data: number, parity: number, on = data + parity): Promise<Client> {
  const person = new Client(gateway, (await newPerson(gateway, admin.token, ['user'])).token);
  clients.push(person);
  await person.spread(data, parity, connections.slice(0, on));
  return person;
}

interface PlacementAnswer {
  survives: number;
  words: string;
  chunks: { shards: { index: number; connection: string; state: string }[] }[];
}
const placementOf = async (client: Client, path: string) => (await client.placement(path)).json<PlacementAnswer>();

function* subsets(most: number, from = 0, of = PLACES): Generator<number[]> {
  yield [];
  if (most === 0) return;
  for (let first = from; first < of; first += 1) {
    for (const rest of subsets(most - 1, first + 1, of)) yield [first, ...rest];
  }
}

/** What may become of a place; each answers how it is undone. */
const FATES: Record<string, (place: string, connection: string) => Promise<() => Promise<void>>> = {
  'is dead': async (place) => {
    await rename(place, `${place}.away`);
    return () => rename(`${place}.away`, place);
  },
  'is wiped': async (place) => {
    const blobs = [...(await blobsOnDisk(place)).values()];
    await Promise.all(blobs.map((blob) => rename(blob, `${blob}.gone`)));
    return async () => void (await Promise.all(blobs.map((blob) => rename(`${blob}.gone`, blob))));
  },
  'serves garbage': async (place) => {
    const blobs = [...(await blobsOnDisk(place)).values()];
    const whole = await Promise.all(blobs.map((blob) => readFile(blob)));
    await Promise.all(blobs.map((blob, nth) => writeFile(blob, randomBytes(whole[nth]!.length))));
    return async () => void (await Promise.all(blobs.map((blob, nth) => writeFile(blob, whole[nth]!))));
  },
  'serves half of it': async (place) => {
    const blobs = [...(await blobsOnDisk(place)).values()];
    const whole = await Promise.all(blobs.map((blob) => readFile(blob)));
    await Promise.all(blobs.map((blob, nth) => writeFile(blob, whole[nth]!.subarray(0, whole[nth]!.length / 2))));
    return async () => void (await Promise.all(blobs.map((blob, nth) => writeFile(blob, whole[nth]!))));
  },
  hangs: async (_place, connection) => {
    minutesLater();
    hanging.add(connection);
    return async () => void hanging.delete(connection);
  },
};
/** What comes of waiting for a place that hangs is nobody's business here: only that it takes about its hedge time. */
const SOON_MS = 10_000;

async function lose(fate: string, lost: readonly number[]): Promise<() => Promise<void>> {
  const undo = await Promise.all(lost.map((place) => FATES[fate]!(places.all[place]!.path, connections[place]!)));
  return async () => void (await Promise.all(undo.map((one) => one())));
}

async function isWhole(client: Client, path: string, plain: Buffer): Promise<void> {
  const whole = await client.get(path);
  expect([whole.status, whole.body.equals(plain)]).toEqual([200, true]);
  for (let nth = 0; nth < 4; nth += 1) {
    const start = randomInt(plain.length);
    const end = start + randomInt(plain.length - start);
    const part = await client.get(path, { range: `bytes=${start}-${end}` });
    expect([part.status, part.body.equals(plain.subarray(start, end + 1))]).toEqual([206, true]);
  }
}

let restore: (() => Promise<void>) | null = null;
afterEach(async () => {
  await restore?.();
  restore = null;
});

describe.each([
  [2, 1],
  [4, 2],
])('a file under %i+%i', (data, parity) => {
  const plain = randomBytes(2 * CHUNK + 100_001);
  let person: Client;
  beforeAll(async () => {
    person = await personWith(data, parity);
    expect((await person.put('kept', plain)).status).toBe(201);
  });

  it('lies in shards in as many places, and survives their loss', async () => {
    const { chunks, survives, words } = await placementOf(person, 'kept');
    expect([survives, words]).toEqual([
      parity,
      `Survives the loss of any ${parity === 1 ? 'one place' : `${parity} places`}.`,
    ]);
    for (const { shards } of chunks) {
      expect(shards.map(({ index }) => index)).toEqual(Array.from({ length: data + parity }, (_, shard) => shard));
      expect(new Set(shards.map(({ connection }) => connection))).toEqual(new Set(connections.slice(0, data + parity)));
    }
  });

  const losses = [...subsets(parity, 0, data + parity)];
  it.each(Object.keys(FATES))('is read whole, and any range of it, when any place or places %s', async (fate) => {
    for (const lost of losses) {
      restore = await lose(fate, lost);
      const began = performance.now();
      await isWhole(person, 'kept', plain);
      if (fate === 'hangs') expect(performance.now() - began).toBeLessThan(SOON_MS);
      await restore();
      restore = null;
    }
  });

  it('is refused rather than served wrong when one place too many is lost', async () => {
    for (const fate of ['is wiped', 'serves garbage']) {
      restore = await lose(
        fate,
        Array.from({ length: parity + 1 }, (_, place) => place),
      );
      const answer = await person.get('kept');
      const refused = answer.status === 502 && answer.type === 'content-damaged';
      expect([refused || !answer.whole, plain.subarray(0, answer.body.length).equals(answer.body) || refused]).toEqual([
        true,
        true,
      ]);
      await restore();
      restore = null;
    }
  });

  it('cannot be written where one place is missing for good, and nothing is left of it', async () => {
    const lost = connections[0]!;
    expect((await admin.json('PATCH', `/api/cloud/connections/${lost}`, { enabled: false })).status).toBe(200);
    const answer = await person.put('refused', plain);
    expect((await admin.json('PATCH', `/api/cloud/connections/${lost}`, { enabled: true })).status).toBe(200);
    expect([answer.status, answer.type]).toEqual([507, 'too-few-places']);
    expect((await person.get('refused')).status).toBe(404);
    await upkeep(gateway);
    await using database = await intruder(gateway);
    const { rows } = await database.query(`select 1 from blobs where state in ('intended', 'condemned')`);
    expect(rows).toEqual([]);
  });
});

describe('an upload during which places are lost', () => {
  it.each([
    ['one', 4, [1]],
    ['two at one time', 5, [1, 2]],
  ])('goes on elsewhere, and its client does not notice: %s', async (_, on, lost) => {
    const person = await personWith(2, 1, on);
    const plain = randomBytes(12 * CHUNK);
    async function* slowly(): AsyncGenerator<Buffer> {
      for (let at = 0; at < plain.length; at += CHUNK) {
        if (at === 4 * CHUNK) restore = await lose('is dead', lost);
        yield plain.subarray(at, at + CHUNK);
      }
    }
    const answer = await person.put('moved', slowly());
    expect(answer.status).toBe(201);
    await isWhole(person, 'moved', plain);
    const { chunks, survives } = await placementOf(person, 'moved');
    expect(survives).toBe(1);
    const gone = lost.map((place) => connections[place]!);
    for (const { shards } of chunks) expect(new Set(shards.map(({ connection }) => connection)).size).toBe(3);
    expect(chunks.at(-1)!.shards.filter(({ connection }) => gone.includes(connection))).toEqual([]);
  });
});

describe('a file that is read while others are stored', () => {
  it.each(Object.keys(FATES))('is whole whenever a place %s', async (fate) => {
    const person = await personWith(2, 1, PLACES);
    const plain = randomBytes(3 * CHUNK + 1);
    expect((await person.put('kept', plain)).status).toBe(201);
    const later = randomBytes(6 * CHUNK);
    async function* slowly(): AsyncGenerator<Buffer> {
      for (let nth = 0; nth < 6; nth += 1) {
        await restore?.();
        restore = await lose(fate, [nth]);
        await isWhole(person, 'kept', plain);
        yield later.subarray(nth * CHUNK, (nth + 1) * CHUNK);
      }
    }
    const answers = await Promise.all([person.put('later', slowly()), person.put('beside', plain)]);
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    await restore?.();
    restore = null;
    await isWhole(person, 'later', later);
  });
});

describe('a mirror', () => {
  it('is read from whichever copy is left', async () => {
    const person = await personWith(1, 2);
    const plain = randomBytes(CHUNK + 1000);
    expect((await person.put('thrice', plain)).status).toBe(201);
    for (const fate of Object.keys(FATES)) {
      for (const lost of subsets(2, 0, 3)) {
        restore = await lose(fate, lost);
        await isWhole(person, 'thrice', plain);
        await restore();
        restore = null;
      }
    }
  });
});

describe('small files', () => {
  it.each([1, 2, 3, 4095, 65_537])('of %i bytes are spread and read as well', async (length) => {
    const person = await personWith(4, 2);
    const plain = randomBytes(length);
    expect((await person.put('small', plain)).status).toBe(201);
    restore = await lose('is dead', [0, 3]);
    const answer = await person.get('small');
    expect(answer.body.equals(plain)).toBe(true);
  });
});
