import { randomBytes, randomInt } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '#storage';
import { type S3Double, startS3Double } from '#storage/testing';
import { Hedging } from '../src/transfers/hedging.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';

const CHUNK = 256 * 1024;
const PLACES = 6;
/** Before a provider's own time-out; what a reader waits for is its hedge time. */
const SOON_MS = 10_000;

/** Every subset of clouds in the long search, `npm run search:lost`; else each alone, and a third of the pairs. */
const ALL = process.env['LOST_CLOUDS'] === 'all';

let gateway: TestGateway;
let admin: Client;
const clouds: S3Double[] = [];
const connections: string[] = [];
const clients: Client[] = [];

/** The time of the gateway's readers: quicker, so that waiting takes less of ours; and put forward. */
const PACE = 4;
let skewMs = 0;
const readersClock: Clock = {
  now: () => systemClock.now() * PACE + skewMs,
  sleep: (ms, signal) => systemClock.sleep(ms / PACE, signal),
};

beforeAll(async () => {
  gateway = await startGateway({
    environment: { TESSERA_CHUNK_BYTES: String(CHUNK), TESSERA_ALLOW_HOSTS: '127.0.0.1' },
  });
  inside(gateway, Hedging).clock = readersClock;
  admin = new Client(gateway, await signIn(gateway));
  clients.push(admin);
  for (let nth = 0; nth < PLACES; nth += 1) {
    const cloud = await startS3Double();
    clouds.push(cloud);
    const { endpoint, bucket, accessKeyId, secretAccessKey } = cloud;
    const form = { label: `cloud ${nth}`, endpoint, bucket, accessKeyId, secretAccessKey };
    const made = await admin.json('POST', '/api/cloud/connections/s3', {
      ...form,
      house: true,
      domain: `cloud ${nth}`,
    });
    expect([made.status, made.json()]).toMatchObject([201, {}]);
    connections.push(made.json<{ id: string }>().id);
  }
});
afterAll(async () => {
  for (const client of clients) client[Symbol.dispose]();
  await gateway?.stop();
  for (const cloud of clouds) await cloud.stop();
});

const blobsOf = (cloud: S3Double) => [...cloud.objects].filter(([key]) => /[a-z2-7]{26}$/.test(key));

/** What may become of a cloud; each answers how it is undone. */
const FATES: Record<string, (cloud: S3Double) => () => void> = {
  'is dead': (cloud) => {
    cloud.follow(['GET', 'PUT', 'HEAD'].map((method) => ({ method, does: { kind: 'resets' } })));
    return () => cloud.follow([]);
  },
  'is wiped': (cloud) => {
    const blobs = blobsOf(cloud);
    for (const [key] of blobs) cloud.objects.delete(key);
    return () => blobs.forEach(([key, versions]) => cloud.objects.set(key, versions));
  },
  'serves garbage': (cloud) => {
    const blobs = blobsOf(cloud);
    for (const [key, [version]] of blobs) {
      cloud.objects.set(key, [{ ...version!, bytes: randomBytes(version!.bytes!.length) }]);
    }
    return () => blobs.forEach(([key, versions]) => cloud.objects.set(key, versions));
  },
  'says nothing': (cloud) => {
    cloud.follow([{ method: 'GET', does: { kind: 'falls-silent' } }]);
    return () => cloud.follow([]);
  },
  'falls silent half-way': (cloud) => {
    cloud.follow([{ method: 'GET', does: { kind: 'falls-silent', after: 1000 } }]);
    return () => cloud.follow([]);
  },
};

let undo: (() => void)[] = [];
const restore = (): void => undo.splice(0).forEach((one) => one());
afterEach(restore);

function* subsets(most: number, of: number, from = 0): Generator<number[]> {
  yield [];
  if (most === 0) return;
  for (let first = from; first < of; first += 1) {
    for (const rest of subsets(most - 1, of, first + 1)) yield [first, ...rest];
  }
}

describe.each([
  [2, 1],
  [4, 2],
])('a file under %i+%i in as many clouds', (data, parity) => {
  const plain = randomBytes(CHUNK + 50_001);
  let person: Client;
  beforeAll(async () => {
    person = new Client(gateway, (await newPerson(gateway, admin.token, ['user'])).token);
    clients.push(person);
    await person.spread(data, parity, connections.slice(0, data + parity));
    expect((await person.put('kept', plain)).status).toBe(201);
  });

  // The wait for further bytes is ten times as long: to see it once is enough.
  const fates = Object.keys(FATES).filter((fate) => ALL || parity === 1 || fate !== 'falls silent half-way');
  it.each(fates)(
    'is read whole, and any range of it, when any cloud or clouds %s',
    async (fate) => {
      for (const lost of subsets(parity, data + parity)) {
        if (!ALL && lost.length > 1 && (lost[0]! + lost[1]!) % 3 > 0) continue;
        // Who was late is asked as before, and the minute's hedges are over.
        skewMs += 120_000;
        undo = lost.map((cloud) => FATES[fate]!(clouds[cloud]!));
        const began = performance.now();
        const whole = await person.get('kept');
        expect([lost, whole.status, whole.body.equals(plain)]).toEqual([lost, 200, true]);
        const start = randomInt(plain.length);
        const end = start + randomInt(plain.length - start);
        const part = await person.get('kept', { range: `bytes=${start}-${end}` });
        expect([lost, part.status, part.body.equals(plain.subarray(start, end + 1))]).toEqual([lost, 206, true]);
        expect(performance.now() - began).toBeLessThan(SOON_MS);
        restore();
      }
    },
    120_000,
  );
});
