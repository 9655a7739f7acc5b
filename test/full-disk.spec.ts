import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '#storage';
import { Client, type Received } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, halfWritten, intruder, upkeep, vaultOf } from './support/inside.js';
import { signIn } from './support/people.js';
import { rawConnection, statusOf } from './support/raw.js';
import { smallDisk, type SmallDisk } from './support/small-disk.js';

const MiB = 1024 * 1024;
const ROOM = 8 * MiB;
const CHUNK = 256 * 1024;

let gateway: TestGateway;
let client: Client;
let disk: SmallDisk;
let small: string;
let large: string;
let largeFolder: string;

const connect = async (label: string, path: string): Promise<string> => {
  const made = await client.json('POST', '/api/cloud/connections/local', { label, path, house: true });
  expect([made.status, made.body.toString()]).toEqual([201, expect.any(String)]);
  return made.json<{ id: string }>().id;
};
/** As somebody does who opens the page of connections: its space is asked for. */
const look = (connection: string) => client.send(`/api/cloud/connections/${connection}`);
const useOnly = async (...connections: string[]) => {
  const spread = { data: 1, parity: 0, connections };
  const answer = await client.json('PATCH', '/api/users/me/default-storage', spread);
  expect(answer.status).toBe(200);
};
const usedBy = async (path: string) => {
  const { chunks } = (await client.placement(path)).json<{ chunks: { shards: { connection: string }[] }[] }>();
  return new Set(chunks.flatMap(({ shards }) => shards.map(({ connection }) => connection)));
};
const told = ({ status, type }: Received) => [status, type];
function* pieces(total: number): Generator<Buffer> {
  for (let left = total; left > 0; left -= CHUNK) yield randomBytes(Math.min(CHUNK, left));
}

beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK) } });
  client = new Client(gateway, await signIn(gateway));
  disk = await smallDisk(ROOM);
  small = await connect('small', disk.path);
  disk.bound(gateway, small);
  await look(small);
  largeFolder = await mkdtemp(join(tmpdir(), 'tessera-large-'));
  large = await connect('large', largeFolder);
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
  await disk?.remove();
  if (largeFolder !== undefined) await rm(largeFolder, { recursive: true, force: true });
});

/** After upkeep the vault holds what the database knows to be live, and nothing half-written. */
async function nothingLeftBehind(): Promise<void> {
  await upkeep(gateway);
  await using database = await intruder(gateway);
  const { rows } = await database.query<{ name: string }>(
    `select name from blobs where connection = $1 and state not in ('condemned', 'gone')`,
    [small],
  );
  expect([...(await blobsOnDisk(disk.path)).keys()].sort()).toEqual(rows.map(({ name }) => name).sort());
  await expect.poll(() => halfWritten(disk.path)).toEqual([]);
}

describe('a vault that is full', () => {
  const kept = randomBytes(2 * MiB);
  beforeAll(async () => {
    await useOnly(small);
    expect((await client.put('kept', kept)).status).toBe(201);
  });
  beforeEach(() => disk.leave());

  it('refuses what is larger than its room before the first byte: 507, and no «100 Continue»', async () => {
    using raw = await rawConnection(gateway);
    await raw.write(
      `PUT /api/content/too-large HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\n` +
        `Content-Length: ${ROOM}\r\nExpect: 100-continue\r\n\r\n`,
    );
    const text = await raw.until(/\r\n\r\n/);
    expect([statusOf(text), /HTTP\/1\.1 100/.test(text)]).toEqual([507, false]);
    await nothingLeftBehind();
  });

  it('refuses an upload of unknown length in its midst: nothing of it is seen, and nothing stays', async () => {
    expect(told(await client.put('growing', pieces(2 * ROOM)))).toEqual([507, 'storage-full']);
    expect((await client.tree('growing')).status).toBe(404);
    await nothingLeftBehind();
  });

  it('filled by others between the look and the bytes, refuses too', async () => {
    const filling = async function* (): AsyncGenerator<Buffer> {
      yield randomBytes(CHUNK);
      await disk.leave(4 * CHUNK);
      for (const piece of pieces(4 * MiB - CHUNK)) yield piece;
    };
    expect(told(await client.put('overtaken', filling(), { 'Content-Length': 4 * MiB }))).toEqual([
      507,
      'storage-full',
    ]);
    expect((await client.tree('overtaken')).status).toBe(404);
    await nothingLeftBehind();
  });

  it('still reads, and moves and deletes, which need no room there', async () => {
    await disk.leave(10_000);
    expect(told(await client.put('more', randomBytes(CHUNK)))).toEqual([507, 'storage-full']);
    expect(told(await client.put('more', pieces(CHUNK)))).toEqual([507, 'storage-full']);
    expect((await client.get('kept')).body.equals(kept)).toBe(true);
    expect((await client.move('kept', 'moved')).status).toBe(200);
    expect((await client.move('moved', 'kept')).status).toBe(200);
    expect((await client.put('empty', '')).status).toBe(201);
    expect((await client.get('kept', { Range: 'bytes=-10' })).body.equals(kept.subarray(-10))).toBe(true);
  });

  it.each<[string, (body: Buffer) => Buffer | Buffer[]]>([
    ['of known length', (body) => body],
    ['of unknown length', (body) => [body]],
  ])('takes uploads %s again as soon as there is room', async (name, bodyOf) => {
    const body = randomBytes(MiB);
    await disk.leave(10_000);
    expect((await client.put(`again ${name}`.replaceAll(' ', '-'), bodyOf(body))).status).toBe(507);
    expect((await client.put(`again ${name}`.replaceAll(' ', '-'), bodyOf(body))).status).toBe(507);
    await disk.leave();
    const path = `again ${name}`.replaceAll(' ', '-');
    expect(told(await client.put(path, bodyOf(body)))).toEqual([201, undefined]);
    expect((await client.get(path)).body.equals(body)).toBe(true);
    await nothingLeftBehind();
  });

  it('under fifty uploads at once stores whole files or none', async () => {
    const bodies = Array.from({ length: 50 }, () => randomBytes(300_000));
    const answers = await Promise.all(bodies.map((body, nth) => client.put(`crowd-${nth}`, nth % 2 ? body : [body])));
    const stored = answers.filter(({ status }) => status === 201);
    for (const answer of answers)
      expect([
        [201, undefined],
        [507, 'storage-full'],
      ]).toContainEqual(told(answer));
    for (const [nth, { status }] of answers.entries()) {
      const read = await client.get(`crowd-${nth}`);
      expect(read.status).toBe(status === 201 ? 200 : 404);
      if (status === 201) expect(read.body.equals(bodies[nth]!)).toBe(true);
    }
    await nothingLeftBehind();
    // What the refused ones had taken is free again.
    let further = 0;
    while ((await client.put(`further-${further}`, bodies[0]!)).status === 201) further += 1;
    expect(further + stored.length).toBeGreaterThanOrEqual(8);
  });
});

describe('of two vaults the full one', () => {
  beforeAll(async () => {
    await useOnly(small, large);
    await disk.leave();
  });

  it('is passed over without the client noticing', async () => {
    await disk.leave(0);
    const body = randomBytes(3 * MiB);
    expect((await client.put('passed-over', [body])).status).toBe(201);
    expect(await usedBy('passed-over')).toEqual(new Set([large]));
    expect((await client.get('passed-over')).body.equals(body)).toBe(true);
    await nothingLeftBehind();
  });

  it('is found again by upkeep when it has room, is filled first where it shall be, and overflows into the other', async () => {
    const second = await smallDisk(4 * MiB);
    try {
      const id = await connect('second', second.path);
      second.bound(gateway, id);
      await look(id);
      await useOnly(id, large);
      await using database = await intruder(gateway);
      await database.query('update connections set priority = 5 where id = $1', [id]);
      await second.leave(0);
      const usedForNew = async () => {
        await client.put('probe', randomBytes(CHUNK));
        return usedBy('probe');
      };
      await expect.poll(usedForNew).toEqual(new Set([large]));
      await second.leave();
      await upkeep(gateway);
      await expect.poll(usedForNew, { timeout: 20_000 }).toEqual(new Set([id]));
      const body = randomBytes(8 * MiB);
      expect((await client.put('overflowing', body)).status).toBe(201);
      expect(await usedBy('overflowing')).toEqual(new Set([id, large]));
      expect((await client.get('overflowing')).body.equals(body)).toBe(true);
    } finally {
      await useOnly(large);
      await second.remove();
    }
  });
});

describe('a vault whose folder is gone', () => {
  beforeEach(() => {
    // Retries wait a second in all, not a minute.
    const sleep = systemClock.sleep.bind(systemClock);
    vi.spyOn(systemClock, 'sleep').mockImplementation((ms, signal) => sleep(ms / 60, signal));
  });
  afterEach(() => void vi.restoreAllMocks());

  it(
    'is away, not empty: 503 in clear words, nothing is made in its place, and it is back when it is back',
    { timeout: 120_000 },
    async () => {
      await useOnly(large);
      const body = randomBytes(CHUNK);
      expect((await client.put('away', body)).status).toBe(201);
      const hidden = `${largeFolder}-hidden`;
      await rename(largeFolder, hidden);
      for (const replaced of [false, true]) {
        // A disk that is not mounted shows the empty folder beneath.
        if (replaced) await mkdir(largeFolder);
        const [written, read] = await Promise.all([client.put('away-2', body), client.get('away')]);
        expect([told(written), told(read)]).toEqual([
          [503, 'unavailable'],
          [503, 'unavailable'],
        ]);
        expect(Number(written.headers['retry-after'])).toBeGreaterThan(0);
        expect(written.json()['detail']).toMatch(/cannot be reached|No connection can take this/);
        if (replaced) expect((await blobsOnDisk(largeFolder)).size).toBe(0);
      }
      await rm(largeFolder, { recursive: true });
      await rename(hidden, largeFolder);
      expect((await client.get('away')).body.equals(body)).toBe(true);
      await expect.poll(async () => (await client.put('away-2', body)).status, { timeout: 30_000 }).toBeLessThan(300);
      expect((await client.tree('away')).status).toBe(200);
    },
  );
});

it('the first vault took none of all this', async () => {
  expect((await blobsOnDisk(vaultOf(gateway))).size).toBe(0);
});
