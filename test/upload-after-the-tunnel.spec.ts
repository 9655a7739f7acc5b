import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as tus from 'tus-js-client';
import { ConnectionPool } from '../src/connections/index.js';
import { Database } from '../src/database/index.js';
import { AccountKeyring } from '../src/keys/index.js';
import { blobsOnDisk, inside, upkeep, vaultOf } from './support/inside.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { call, signIn } from './support/people.js';

/** Enough for a sample; the whole search is `npm run search:tus`. */
const SCHEDULES = Number(process.env['TUS_SCHEDULES'] ?? 24);
const KIB = 1024;

let first: TestGateway;
let gateways: TestGateway[];
let token: string;
const environment = { TESSERA_CHUNK_BYTES: '64KiB' };

beforeAll(async () => {
  first = await startGateway({ environment });
  gateways = [first, await beside()];
  token = await signIn(first);
});
afterAll(async () => {
  await gateways?.[1]?.stop();
  await first?.stop();
});

/** Another gateway over the same database, root key and vault. */
function beside(): Promise<TestGateway> {
  return startGateway({
    dataFolder: first.dataFolder,
    environment: { ...environment, DATABASE_URL: first.databaseUrl, TESSERA_PUBLIC_URL: first.url },
  });
}

const TUS = { 'Tus-Resumable': '1.0.0' };
const PART = { ...TUS, 'Content-Type': 'application/offset+octet-stream' };
const base64 = (text: string) => Buffer.from(text).toString('base64');
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** A die whose throws are the same for the same seed. */
function dice(seed: string): (sides: number) => number {
  let nth = 0;
  return (sides) => {
    const digest = createHash('sha256')
      .update(`${seed}/${(nth += 1)}`)
      .digest();
    return digest.readUInt32BE(0) % sides;
  };
}

async function begin(path: string, length: number): Promise<string> {
  const headers = { ...TUS, 'Upload-Length': String(length), 'Upload-Metadata': `path ${base64(path)}` };
  const answer = await call(first, '/api/uploads', { method: 'POST', token, headers });
  expect(answer.status, answer.text).toBe(201);
  return answer.headers.get('location')!;
}

async function offsetOf(gateway: TestGateway, place: string): Promise<number> {
  const answer = await call(gateway, place, { method: 'HEAD', token, headers: TUS });
  expect(answer.status).toBe(200);
  return Number(answer.headers.get('upload-offset'));
}

/** Sends a part, and breaks the connection after so many bytes of it; with null, not at all. */
async function patch(gateway: TestGateway, place: string, offset: number, part: Buffer, cutAfter: number | null) {
  const headers = { ...PART, Authorization: `Bearer ${token}`, 'Upload-Offset': offset, 'Content-Length': part.length };
  const sending = request(gateway.url + place, { method: 'PATCH', headers });
  const answered = once(sending, 'response').then(([answer]) => {
    answer.resume();
    return answer.statusCode as number;
  });
  const over = answered.catch(() => null);
  if (cutAfter === null || cutAfter >= part.length) {
    sending.end(part);
    return over;
  }
  sending.flushHeaders();
  await new Promise<void>((resolve) => sending.write(part.subarray(0, cutAfter), () => resolve()));
  sending.destroy();
  return over;
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    () => true,
    () => false,
  );

async function content(path: string): Promise<Buffer> {
  const answer = await fetch(`${first.url}/api/content/${path}`, { headers: { Authorization: `Bearer ${token}` } });
  expect(answer.status).toBe(200);
  return Buffer.from(await answer.arrayBuffer());
}

/** Of so many schedules one has a gateway that is started anew in its midst. */
const RESTART_EVERY = 12;

/** Ends a gateway while a part comes to it, and starts another in its place. */
async function startAnew(place: string, far: number, part: Buffer): Promise<void> {
  const under = patch(gateways[1]!, place, far, part, Math.ceil(part.length / 2));
  await gateways[1]!.stop();
  await under;
  gateways[1] = await beside();
}

async function follow(seed: string, restarts: boolean): Promise<void> {
  const die = dice(seed);
  const bytes = randomBytes(die(5) === 0 ? die(200) : die(600 * KIB));
  const path = `schedules/${seed}.bin`;
  const place = await begin(path, bytes.length);
  let far = 0;
  for (let steps = 0; far < bytes.length; steps += 1) {
    expect(steps).toBeLessThan(200);
    const gateway = gateways[die(2)]!;
    const part = bytes.subarray(far, far + 1 + die(bytes.length));
    if (restarts && steps === 0) {
      await startAnew(place, far, part);
      far = await offsetOf(gateways[die(2)]!, place);
      continue;
    }
    const cut = die(3) === 0 ? null : die(part.length + 1);
    const parts = [patch(gateway, place, far, part, cut)];
    // Somebody who has given up on the first goes on at once, perhaps by the other gateway.
    if (die(4) === 0)
      parts.push(patch(gateways[die(2)]!, place, far, bytes.subarray(far, far + 1 + die(part.length)), null));
    if (die(8) === 0) expect(await patch(gateway, place, far + 1 + die(9), part, null)).toBeOneOf([409, 413]);
    await Promise.all(parts);
    const next = await offsetOf(gateways[die(2)]!, place);
    expect(next).toBeGreaterThanOrEqual(far);
    far = next;
  }
  expect(sha256(await content(path))).toBe(sha256(bytes));
}

describe('An upload that goes on after the tunnel', () => {
  it(
    `is whole after any schedule of cuts, takeovers, gateways and restarts (${SCHEDULES} of them), and leaves nothing behind`,
    async () => {
      const seed = process.env['TUS_SEED'] ?? randomBytes(4).toString('hex');
      for (let nth = 0; nth < SCHEDULES; nth += 1) await follow(`${seed}-${nth}`, nth % RESTART_EVERY === 0);
      const sql = first.app.get(Database);
      await sql.query(`update uploads set expires_at = now()`);
      for (let rounds = 0; ; rounds += 1) {
        expect(rounds).toBeLessThan(50);
        await upkeep(first);
        const [left] = await sql.query<{ n: number }>(
          `select count(*)::int as n from blobs where state in ('intended', 'condemned')`,
        );
        if (left!.n === 0) break;
      }
      const live = await sql.query<{ name: string }>(`select name from blobs where state = 'live'`);
      const onDisk = await blobsOnDisk(vaultOf(first));
      expect([...onDisk.keys()].toSorted()).toEqual(live.map(({ name }) => name).toSorted());
      const [counts] = await sql.query<{ chunks: number }>(`select count(*)::int as chunks from upload_chunks`);
      expect(counts!.chunks).toBe(0);
    },
    60_000 + SCHEDULES * 5_000,
  );

  it('goes on after its gateway was started anew, without sending again what was stored', async () => {
    const bytes = randomBytes(500 * KIB);
    const place = await begin('restarted.bin', bytes.length);
    await patch(gateways[1]!, place, 0, bytes.subarray(0, 300 * KIB), null);
    await gateways[1]!.stop();
    gateways[1] = await beside();
    expect(await offsetOf(gateways[1], place)).toBe(300 * KIB);
    expect(await patch(gateways[1], place, 300 * KIB, bytes.subarray(300 * KIB), null)).toBe(204);
    expect((await content('restarted.bin')).equals(bytes)).toBe(true);
  });

  it('has its key made before its transaction, which then waits for nobody', async () => {
    const transaction = new AsyncLocalStorage<true>();
    const [database, keyring] = [inside(first, Database), inside(first, AccountKeyring)];
    const [tx, newContentKey] = [database.tx.bind(database), keyring.newContentKey.bind(keyring)];
    const asked: boolean[] = [];
    vi.spyOn(database, 'tx').mockImplementation((work, options) => transaction.run(true, () => tx(work, options)));
    vi.spyOn(keyring, 'newContentKey').mockImplementation((...of) => {
      asked.push(transaction.getStore() ?? false);
      return newContentKey(...of);
    });
    try {
      await begin('keys first.bin', 10);
    } finally {
      vi.restoreAllMocks();
    }
    // With as many that begin as there are connections, each would wait for one that another has.
    expect(asked).toEqual([false]);
  });

  it('keeps what came of a part whose client had left when its gateway was stopped', async () => {
    const bytes = randomBytes(100 * KIB);
    const place = await begin('stopped.bin', bytes.length);
    const [put, stopped] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const pool = inside(gateways[1]!, ConnectionPool);
    const open = pool.provider.bind(pool);
    vi.spyOn(pool, 'provider').mockImplementation(async (id) => {
      const provider = await open(id);
      const later: typeof provider.put = async (...asked) => {
        put.resolve();
        await stopped.promise;
        return provider.put(...asked);
      };
      return Object.assign(Object.create(provider) as typeof provider, { put: later });
    });
    const left = patch(gateways[1]!, place, 0, bytes, 64 * KIB);
    await put.promise;
    await left;
    const stopping = gateways[1]!.stop();
    await expect.poll(() => answers(gateways[1]!.url)).toBe(false);
    stopped.resolve();
    await stopping;
    gateways[1] = await beside();
    expect(await offsetOf(gateways[1], place)).toBe(64 * KIB);
  }, 60_000);

  it('serves tus-js-client as it is', async () => {
    const bytes = randomBytes(700 * KIB);
    await new Promise<void>((resolve, reject) => {
      const upload = new tus.Upload(bytes, {
        endpoint: `${first.url}/api/uploads`,
        headers: { Authorization: `Bearer ${token}` },
        metadata: { filename: 'from tus-js-client.bin', filetype: 'application/x-test' },
        chunkSize: 256 * KIB,
        onError: reject,
        onSuccess: () => resolve(),
      });
      upload.start();
    });
    expect((await content('from%20tus-js-client.bin')).equals(bytes)).toBe(true);
  });

  it('is given up by upkeep when its time is over, and what it stored goes', async () => {
    const place = await begin('never.bin', 300 * KIB);
    await patch(first, place, 0, randomBytes(200 * KIB), null);
    const sql = first.app.get(Database);
    const id = place.split('/').at(-1);
    await sql.query(`update contents set lease_until = now() where id = $1`, [id]);
    await upkeep(first);
    expect((await call(first, place, { method: 'HEAD', token, headers: TUS })).status).toBe(404);
    const [state] = await sql.query<{ state: string }>(`select state from contents where id = $1`, [id]);
    expect(['abandoned', undefined]).toContain(state?.state);
  });

  it.each([
    ['the offset', `update uploads set "offset" = 65536 where id = $1`],
    ['the number of chunks', `update uploads set chunks = 1 where id = $1`],
    [
      'a chunk’s length',
      `update upload_chunks set length = length - 1, "offset" = "offset" + 1 where content = $1 and index = 1`,
    ],
    [
      'two chunks’ places',
      `update upload_chunks set header = (select header from upload_chunks where content = $1 and index = 0) where content = $1 and index = 1`,
    ],
    [
      'the state of the hash',
      `update uploads set sealed_hash = set_byte(sealed_hash, 90, get_byte(sealed_hash, 90) # 1) where id = $1`,
    ],
  ])('makes no file of rows in which somebody changed %s', async (_what, change) => {
    const bytes = randomBytes(200 * KIB);
    const path = `changed-${randomBytes(4).toString('hex')}`;
    const place = await begin(path, bytes.length);
    await patch(first, place, 0, bytes.subarray(0, 128 * KIB), null);
    await first.app.get(Database).query(change, [place.split('/').at(-1)]);
    const offset = await offsetOf(first, place);
    expect(await patch(first, place, offset, bytes.subarray(offset), null)).toBe(410);
    expect((await call(first, place, { method: 'HEAD', token, headers: TUS })).status).toBe(404);
    expect((await call(first, `/api/tree/${path}`, { token })).status).toBe(404);
  });
});
