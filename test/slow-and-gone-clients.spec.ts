import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ByteBudget } from '#chunks';
import { ByteBudgets } from '../src/transfers/byte-budgets.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, halfWritten, inside, intruder, upkeep, vaultOf } from './support/inside.js';
import { signIn } from './support/people.js';
import { rawConnection, statusOf } from './support/raw.js';

const KiB = 1024;
const MiB = 1024 * KiB;
const STALL_MS = 1000;

let gateway: TestGateway;
let client: Client;
beforeAll(async () => {
  gateway = await startGateway({ config: { stallSeconds: STALL_MS / 1000 } });
  client = new Client(gateway, await signIn(gateway));
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
});

const putHead = (path: string, length: number | 'chunked', token = client.token) =>
  Buffer.from(
    `PUT /api/content/${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n` +
      `${length === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`}\r\n\r\n`,
  );
const getHead = (path: string, token = client.token) =>
  `GET /api/content/${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`;
const framed = (piece: Buffer) =>
  Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
const LAST_FRAME = Buffer.from('0\r\n\r\n');

/** Drafts are given up a moment after their clients went. */
async function noDraftOpen(of = gateway): Promise<void> {
  await using database = await intruder(of);
  const open = async () => (await database.query(`select 1 from contents where state = 'open'`)).rowCount;
  await expect.poll(open, { timeout: 15_000 }).toBe(0);
}

async function nothingLeftBehind(of = gateway): Promise<void> {
  await noDraftOpen(of);
  await upkeep(of);
  await using database = await intruder(of);
  const { rows } = await database.query<{ name: string }>(
    `select name from blobs where state not in ('condemned', 'gone')`,
  );
  const unlive = await database.query(`select 1 from blobs where state in ('intended', 'condemned')`);
  expect(unlive.rowCount).toBe(0);
  expect([...(await blobsOnDisk(vaultOf(of))).keys()].sort()).toEqual(rows.map(({ name }) => name).sort());
  // The gateway writes as well: its markers are half-written for a moment.
  await expect.poll(() => halfWritten(of.dataFolder)).toEqual([]);
}

async function noMemoryHeld(of = gateway): Promise<void> {
  const { uploads, ...others } = inside(of, ByteBudgets);
  const budgets = [uploads.budget, uploads.turns, ...Object.values(others as object)] as ByteBudget[];
  const held = () => budgets.map(({ used, waiting }) => used + waiting);
  await expect.poll(held, { timeout: 15_000 }).toEqual(budgets.map(() => 0));
}

describe('an upload whose client goes away', () => {
  const body = randomBytes(200 * KiB);
  const requestOf = (path: string, chunked: boolean) =>
    chunked
      ? Buffer.concat([
          putHead(path, 'chunked'),
          framed(body.subarray(0, 99 * KiB)),
          framed(body.subarray(99 * KiB)),
          LAST_FRAME,
        ])
      : Buffer.concat([putHead(path, body.length), body]);

  /** Sends so many bytes and goes: politely, or by pulling the plug. */
  async function sendAndGo(path: string, chunked: boolean, length: number, politely: boolean): Promise<void> {
    const raw = await rawConnection(gateway);
    await new Promise<void>((sent) => raw.socket.write(requestOf(path, chunked).subarray(0, length), () => sent()));
    if (politely) raw.socket.destroySoon();
    else raw.socket.resetAndDestroy();
  }

  it.each<[string, boolean]>([
    ['of known length', false],
    ['of unknown length', true],
  ])('%s, at any of a hundred places, is not seen or whole, and leaves nothing', async (_, chunked) => {
    const kind = chunked ? 'chunked' : 'sized';
    const whole = requestOf(`${kind}-00`, chunked).length;
    const places = Array.from({ length: 100 }, (_unused, nth) => Math.round((whole * nth) / 99));
    // The last bytes matter most.
    for (const before of [1, 2, 3, 4, 5, 6, 7]) places.push(whole - before);
    const cuts = places.map((place, nth) => ({
      path: `${kind}-${String(nth).padStart(2, '0')}`,
      place,
      politely: nth % 2 === 0,
    }));
    for (let from = 0; from < cuts.length; from += 25) {
      await Promise.all(
        cuts.slice(from, from + 25).map(({ path, place, politely }) => sendAndGo(path, chunked, place, politely)),
      );
    }
    await noDraftOpen();
    await pause(50);
    for (const { path, place } of cuts) {
      const read = await client.get(path);
      if (place < requestOf(path, chunked).length) expect([place, read.status]).toEqual([place, 404]);
      else expect(read.status === 404 || read.body.equals(body)).toBe(true);
    }
    await nothingLeftBehind();
    await noMemoryHeld();
  });

  it('after its last byte, before the answer, is whole or not there, fifty times', async () => {
    const paths = Array.from({ length: 50 }, (_, nth) => `late-${nth}`);
    await Promise.all(
      paths.map(async (path, nth) => {
        const raw = await rawConnection(gateway);
        await raw.write(requestOf(path, false));
        await pause(nth);
        raw.socket.resetAndDestroy();
      }),
    );
    await noDraftOpen();
    const read = await Promise.all(paths.map((path) => client.get(path)));
    for (const answer of read) expect(answer.status === 404 || answer.body.equals(body)).toBe(true);
    await nothingLeftBehind();
  });

  it('over a file leaves the version that there was', async () => {
    await client.put('precious', 'the old version');
    await Promise.all(
      [0.1, 0.5, 0.9, 0.999].map((part) => sendAndGo('precious', false, Math.round(200 * KiB * part), part < 0.5)),
    );
    await nothingLeftBehind();
    expect((await client.get('precious')).body.toString()).toBe('the old version');
  });
});

describe('a download whose client goes away', () => {
  it('at any place gives back all that it held', async () => {
    await client.put('large', randomBytes(8 * MiB));
    await Promise.all(
      Array.from({ length: 60 }, async (_, nth) => {
        const raw = await rawConnection(gateway);
        await raw.write(getHead('large'));
        if (nth % 3 > 0) await raw.until(/^HTTP\/1\.1 200/);
        if (nth % 3 > 1) raw.socket.pause();
        await pause(nth * 3);
        if (nth % 2) raw.socket.destroy();
        else raw.socket.resetAndDestroy();
      }),
    );
    await noMemoryHeld();
    expect((await client.get('large')).body.length).toBe(8 * MiB);
  });
});

describe.concurrent('a client that stands still', () => {
  it('in an upload is cut off, and told why; nothing of it stays', async () => {
    for (const chunked of [false, true]) {
      using raw = await rawConnection(gateway);
      const begin = performance.now();
      await raw.write(putHead('stalled', chunked ? 'chunked' : 10 * MiB));
      await raw.write(chunked ? framed(randomBytes(100 * KiB)) : randomBytes(100 * KiB));
      const text = await raw.until(/request-timeout/);
      expect(statusOf(text)).toBe(408);
      const waited = performance.now() - begin;
      expect(waited).toBeGreaterThan(STALL_MS - 100);
      expect(waited).toBeLessThan(STALL_MS * 4);
      raw.socket.destroy();
    }
    expect((await client.tree('stalled')).status).toBe(404);
  });

  it('but for a byte now and then is as good as still', async () => {
    using raw = await rawConnection(gateway);
    await raw.write(putHead('teasing', 10 * MiB));
    let teasing = true;
    const tease = (async () => {
      while (teasing) {
        await raw.write('x');
        await pause(100);
      }
    })();
    expect(statusOf(await raw.until(/HTTP\/1\.1 \d/))).toBe(408);
    teasing = false;
    await tease;
  });

  it('in a download is cut off', async () => {
    await client.put('for-still-ones', randomBytes(24 * MiB));
    using raw = await rawConnection(gateway);
    await raw.write(getHead('for-still-ones'));
    await raw.until(/^HTTP\/1\.1 200/);
    raw.socket.pause();
    await pause(STALL_MS * 2);
    raw.socket.resume();
    expect((await raw.end()).length).toBeLessThan(24 * MiB);
  });
});

describe.concurrent('a client that is slow, but honest', () => {
  it('uploads for many times as long as one may stand still', async () => {
    const pieces = Array.from({ length: 24 }, () => randomBytes(600));
    const uploadSlowly = async (path: string, chunked: boolean) => {
      using raw = await rawConnection(gateway);
      await raw.write(putHead(path, chunked ? 'chunked' : 24 * 600));
      for (const piece of pieces) {
        await raw.write(chunked ? framed(piece) : piece);
        await pause(STALL_MS / 6);
      }
      if (chunked) await raw.write(LAST_FRAME);
      expect(statusOf(await raw.until(/HTTP\/1\.1 201/))).toBe(201);
      expect((await client.get(path)).body.equals(Buffer.concat(pieces))).toBe(true);
    };
    await Promise.all([uploadSlowly('honest', false), uploadSlowly('honest-chunked', true)]);
  });

  it('downloads for many times as long as one may stand still', async () => {
    const body = randomBytes(16 * MiB);
    await client.put('for-slow-ones', body);
    const begin = performance.now();
    using raw = await rawConnection(gateway);
    await raw.write(getHead('for-slow-ones'));
    let taken = 0;
    raw.socket.on('data', (piece) => {
      taken += piece.length;
      if (taken < MiB) return;
      taken = 0;
      raw.socket.pause();
      setTimeout(() => raw.socket.resume(), STALL_MS / 3);
    });
    const text = await raw.end(30_000);
    expect(performance.now() - begin).toBeGreaterThan(3 * STALL_MS);
    expect(Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1').equals(body)).toBe(true);
  });
});

it('nothing is left of those who stood still', async () => {
  await nothingLeftBehind();
  await noMemoryHeld();
});

describe('three hundred slow clients', () => {
  const UPLOADS = 150;
  const DOWNLOADS = 150;
  const QUICK = 24 * MiB;
  let busy: TestGateway;
  let quick: Client;
  beforeAll(async () => {
    busy = await startGateway();
    quick = new Client(busy, await signIn(busy));
  });
  afterAll(async () => {
    quick?.[Symbol.dispose]();
    await busy?.stop();
  });

  /** A quarter of them do not say how much will come. */
  function drip(nth: number): Socket {
    const chunked = nth % 4 === 0;
    const socket = connect(Number(new URL(busy.url).port), '127.0.0.1').on('error', () => {});
    socket.write(putHead(`drip-${nth}`, chunked ? 'chunked' : 100 * MiB, quick.token));
    const piece = Buffer.alloc(2 * KiB, nth);
    const timer = setInterval(() => socket.write(chunked ? framed(piece) : piece), 500 + (nth % 100) * 10);
    return socket.once('close', () => clearInterval(timer)).resume();
  }

  /** Takes what is there, some 64 KiB, every few seconds. */
  function sip(nth: number): Socket {
    const socket = connect(Number(new URL(busy.url).port), '127.0.0.1').on('error', () => {});
    socket.write(getHead('for-many', quick.token));
    let timer: NodeJS.Timeout;
    socket.on('data', () => {
      socket.pause();
      timer = setTimeout(() => socket.resume(), 3000 + (nth % 100) * 20);
    });
    return socket.once('close', () => clearTimeout(timer));
  }

  it(
    'do not hold up a quick one, who stores and reads 24 MiB in a few times its usual time',
    { timeout: 120_000 },
    async () => {
      const body = randomBytes(QUICK);
      await quick.put('for-many', randomBytes(24 * MiB));
      const storeAndRead = async (path: string) => {
        const begin = performance.now();
        const [stored, streamed] = [await quick.put(path, body), await quick.put(`${path}-streamed`, [body])];
        const read = await quick.get(path);
        expect([stored.status, streamed.status, read.body.equals(body)]).toEqual([201, 201, true]);
        return performance.now() - begin;
      };
      const usual = await storeAndRead('alone');
      const slow = Array.from({ length: UPLOADS + DOWNLOADS }, (_, nth) => (nth < UPLOADS ? drip(nth) : sip(nth)));
      // Longer than a chunk may sit in memory, and until all slow readers are known for what they are.
      await pause(4000);
      const { downloads } = inside(busy, ByteBudgets);
      await expect.poll(() => downloads.waiting, { timeout: 40_000 }).toBe(0);
      const among = await storeAndRead('among-slow-ones');
      const begin = performance.now();
      expect((await quick.put('small', 'x')).status).toBe(201);
      const small = performance.now() - begin;
      expect(slow.filter((socket) => socket.closed)).toEqual([]);
      for (const socket of slow) socket.destroy();
      expect(small).toBeLessThan(3000);
      expect(among).toBeLessThan(5 * usual + 3000);
      await noMemoryHeld(busy);
      await nothingLeftBehind(busy);
    },
  );
});
