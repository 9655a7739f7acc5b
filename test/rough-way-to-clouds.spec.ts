import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { Connection } from '#contracts';
import { type FaultProxy, startApache, startFaultProxy, startS3Double } from '#storage/testing';
import { Database } from '../src/database/index.js';
import { Sweep } from '../src/upkeep/index.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, upkeep } from './support/inside.js';
import { signIn } from './support/people.js';

const MIB = 2 ** 20;
/** 64 of up to 100 MiB in the long search, `npm run search:rough`. */
const FILES = Number(process.env['ROUGH_FILES'] ?? 16);
const LARGEST = Number(process.env['ROUGH_LARGEST'] ?? 9 * MIB);
const sizes = Array.from({ length: FILES }, (_, nth) => Math.floor(LARGEST * (nth / (FILES - 1)) ** 6));

interface Place {
  readonly provider: string;
  /** What the form takes, with the proxy's address in place of the server's. */
  form(proxy: FaultProxy): object;
  readonly port: number;
  /** Names of the blobs that lie there. */
  held(): Promise<string[]>;
  stop(): Promise<void>;
}

const isBlob = (name: string) => /^[a-z2-7]{26}$/.test(name);

const places: readonly { readonly name: string; readonly start: () => Promise<Place> }[] = [
  {
    name: 'Apache',
    start: async () => {
      const apache = await startApache();
      return {
        provider: 'webdav',
        port: apache.port,
        form: ({ port }) => ({ url: apache.url.replace(String(apache.port), String(port)), ...apache.login }),
        held: async () =>
          (await readdir(apache.files, { recursive: true, withFileTypes: true }))
            .map((entry) => entry.name)
            .filter(isBlob),
        stop: () => apache.stop(),
      };
    },
  },
  {
    name: 'an S3 store',
    start: async () => {
      const store = await startS3Double();
      const { bucket, accessKeyId, secretAccessKey } = store;
      return {
        provider: 's3',
        port: Number(new URL(store.endpoint).port),
        form: ({ port }) => ({ endpoint: `http://127.0.0.1:${port}`, bucket, accessKeyId, secretAccessKey }),
        held: async () => [...store.objects.keys()].map((key) => key.split('/').at(-1)!).filter(isBlob),
        stop: () => store.stop(),
      };
    },
  },
];

describe.each(places)('On a rough way to $name', ({ start }) => {
  const stops: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const stop of stops.toReversed()) await stop();
  });

  it('files go and come back byte for byte, and nothing is left over', async () => {
    const place = await start();
    stops.push(() => place.stop());
    const proxy = await startFaultProxy(place.port, 0.05, `rough ${place.provider}`);
    stops.push(() => proxy.stop());
    const gateway: TestGateway = await startGateway({ environment: { TESSERA_ALLOW_HOSTS: '127.0.0.1' } });
    stops.push(() => gateway.stop());
    using client = new Client(gateway, await signIn(gateway));
    const connection = await connect(client, place, proxy);
    await client.json('PATCH', '/api/users/me/default-storage', { data: 1, parity: 0, connections: [connection] });

    const hashes = new Map<string, string>();
    const waiting = [...sizes.entries()];
    const worker = async (): Promise<void> => {
      for (let next = waiting.pop(); next; next = waiting.pop()) {
        const [nth, size] = next;
        const bytes = randomBytes(size);
        hashes.set(`file-${nth}`, hashOf(bytes));
        expect((await client.put(`file-${nth}`, bytes)).status).toBe(201);
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    for (const [name, hash] of hashes) {
      const answer = await client.get(name);
      expect([answer.status, answer.whole, hashOf(answer.body)]).toEqual([200, true, hash]);
    }
    await expect.poll(() => beside(gateway, place), AFTER_LATE_WRITES).toEqual([[], []]);

    for (const name of hashes.keys()) await client.remove(name);
    await client.send('/api/trash', { method: 'DELETE' });
    await expect.poll(() => beside(gateway, place), AFTER_LATE_WRITES).toEqual([[], []]);
    expect(await names(gateway, 'live')).toEqual([]);
    expect([...proxy.troubles.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(2);
  }, 300_000);
});

/** A test before saving is not repeated by itself: a person tries again. */
async function connect(client: Client, place: Place, proxy: FaultProxy): Promise<string> {
  for (let tries = 0; tries < 10; tries += 1) {
    const body = { label: 'Rough', ...place.form(proxy) };
    const made = await client.json('POST', `/api/cloud/connections/${place.provider}`, body);
    if (made.status === 201) return made.json<Connection>().id;
  }
  throw new Error('It could not be connected.');
}

/** A server that is busy writes down what it was sent long after its client was cut off. */
const AFTER_LATE_WRITES = { timeout: 30_000, interval: 200 };

/** What lies there and belongs to nobody, and what should lie there and does not, after another look for what was deleted. */
async function beside(gateway: TestGateway, place: Place): Promise<[string[], string[]]> {
  await settled(gateway);
  const [live, held] = [await names(gateway, 'live'), await place.held()];
  return [held.filter((name) => !live.includes(name)), live.filter((name) => !held.includes(name))];
}

/** All that ended is deleted, and was looked for once more: a write that came late may have brought it back. */
async function settled(gateway: TestGateway): Promise<void> {
  await withoutCondemned(gateway);
  await inside(gateway, Database).execute(
    `update blobs set looked_at = looked_at - interval '1 year', absent_looks = 0 where state = 'gone'`,
  );
  await withoutCondemned(gateway);
}

/** Until upkeep has nothing left to delete. */
async function withoutCondemned(gateway: TestGateway): Promise<void> {
  for (let rounds = 0; rounds < 40; rounds += 1) {
    await upkeep(gateway);
    await inside(gateway, Sweep).run();
    if ((await names(gateway, 'condemned')).length + (await names(gateway, 'intended')).length === 0) return;
  }
  throw new Error('Upkeep does not come to an end.');
}

async function names(gateway: TestGateway, state: string): Promise<string[]> {
  const rows = await inside(gateway, Database).query<{ name: string }>('select name from blobs where state = $1', [
    state,
  ]);
  return rows.map((row) => row.name);
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
