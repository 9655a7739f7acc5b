import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Quota } from '../src/contents/index.js';
import { Client, type Received, type Sent } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, halfWritten, inside, intruder, upkeep, vaultOf } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';
import { rawConnection, statusOf } from './support/raw.js';

const UPLOADS = 200;
const SIZE = 3000;
const CHUNK = 64 * 1024;
const LIE = `sha-256=:${Buffer.alloc(32).toString('base64')}:`;

let gateway: TestGateway;
let admin: Client;
const clients: Client[] = [];
beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK) } });
  admin = new Client(gateway, await signIn(gateway));
});
afterEach(() => clients.splice(0).forEach((client) => client[Symbol.dispose]()));
afterAll(async () => {
  admin?.[Symbol.dispose]();
  await gateway?.stop();
});

interface Limited {
  readonly client: Client;
  readonly account: string;
  limit(bytes: number | null): Promise<void>;
  /** What is settled, once everything is; it is what is stored. */
  used(): Promise<number>;
}

async function withQuota(bytes: number): Promise<Limited> {
  const person = await newPerson(gateway, admin.token, ['user']);
  const client = new Client(gateway, person.token);
  clients.push(client);
  const limit = async (quotaBytes: number | null): Promise<void> => {
    const answer = await admin.json('PATCH', `/api/admin/users/${person.id}`, { quotaBytes });
    expect(answer.status).toBe(200);
  };
  await limit(bytes);
  const used = async () => {
    const quota = inside(gateway, Quota);
    await using database = await intruder(gateway);
    const look = async () => {
      await quota.returnIdle();
      const { rows } = await database.query<{ used: string; slabs: string; stored: string }>(
        `select coalesce((select settled from quota_usage where account = $1), 0) as used,
           (select count(*) from quota_slabs where account = $1) as slabs,
           (select coalesce(sum(size), 0) from contents where account = $1 and state = 'published') as stored`,
        [person.id],
      );
      return rows[0]!;
    };
    // Upkeep's own round may be returning the same slab just now.
    await expect.poll(async () => (await look()).slabs).toBe('0');
    const { used: settled, stored } = await look();
    expect(settled).toBe(stored);
    return Number(settled);
  };
  return { client, account: person.id, limit, used };
}

const tally = (answers: readonly Received[]) => {
  const counts: Record<string, number> = {};
  for (const { status, type } of answers) {
    const what = type ?? String(status);
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
};
const uploadAll = (client: Client, body: (nth: number) => Sent['body'], count = UPLOADS) =>
  Promise.all(Array.from({ length: count }, (_, nth) => client.put(`f${nth}`, body(nth))));

describe('two hundred uploads at the limit of a quota', () => {
  it.each([0, 1, 57, 199])('of which %d fit: exactly those are stored, the others hear 507', async (fit) => {
    // One byte less than one more needs.
    const { client, used } = await withQuota((fit + 1) * SIZE - 1);
    const body = randomBytes(SIZE);
    const answers = await uploadAll(client, () => body);
    expect(tally(answers)).toEqual({ ...(fit > 0 && { 201: fit }), 'quota-exceeded': UPLOADS - fit });
    expect(answers.filter(({ status }) => status === 507)).toHaveLength(UPLOADS - fit);
    expect(await used()).toBe(fit * SIZE);
    expect((await client.put('one-more', body)).type).toBe('quota-exceeded');
    expect((await client.put('the-rest', body.subarray(1))).status).toBe(201);
    expect((await client.put('a-byte', 'x')).type).toBe('quota-exceeded');
    expect((await client.put('nothing', '')).status).toBe(201);
    expect(await used()).toBe((fit + 1) * SIZE - 1);
  });

  it('of unknown length: as many as fit are stored, never more', async () => {
    const fit = 31;
    const { client, used } = await withQuota((fit + 1) * SIZE - 1);
    const body = randomBytes(SIZE);
    const answers = await uploadAll(client, () => [body.subarray(0, 1000), body.subarray(1000)]);
    expect(tally(answers)).toEqual({ 201: fit, 'quota-exceeded': UPLOADS - fit });
    expect(await used()).toBe(fit * SIZE);
  });

  it('of unknown length and many chunks: what does not fit is given up, and its room is free again', async () => {
    const size = 3 * CHUNK + 5;
    const { client, used } = await withQuota(4 * size);
    const body = randomBytes(size);
    const answers = await uploadAll(client, () => [body], 24);
    const stored = answers.filter(({ status }) => status === 201).length;
    expect(stored).toBeLessThanOrEqual(4);
    expect(tally(answers)).toEqual({ ...(stored > 0 && { 201: stored }), 'quota-exceeded': 24 - stored });
    for (let nth = stored; nth < 4; nth += 1) expect((await client.put(`later-${nth}`, [body])).status).toBe(201);
    expect((await client.put('too-much', [body])).type).toBe('quota-exceeded');
    expect(await used()).toBe(4 * size);
  });

  it('of one path and of mixed sizes: what is stored never exceeds it', async () => {
    const limit = 100_000;
    const { client, used } = await withQuota(limit);
    const sizes = Array.from({ length: UPLOADS }, (_, nth) => 100 + ((nth * 7919) % 4000));
    const answers = await Promise.all(
      sizes.map((size, nth) => client.put('same', nth % 2 ? randomBytes(size) : [randomBytes(size)])),
    );
    const sum = sizes.filter((_, nth) => answers[nth]!.status < 300).reduce((a, b) => a + b, 0);
    expect(await used()).toBe(sum);
    expect(sum).toBeLessThanOrEqual(limit);
    // The largest that was refused would not have fitted at the end either, or it was refused beside others.
    expect(limit - sum).toBeLessThan(4100);
  });

  it('while upkeep takes idle room back all the time', async () => {
    const fit = 80;
    const { client, used } = await withQuota(fit * SIZE);
    const quota = inside(gateway, Quota);
    let going = true;
    const upkeeping = (async () => {
      while (going) await quota.returnIdle();
    })();
    const body = randomBytes(SIZE);
    const answers = await uploadAll(client, () => body);
    going = false;
    await upkeeping;
    expect(tally(answers)).toEqual({ 201: fit, 'quota-exceeded': UPLOADS - fit });
    expect(await used()).toBe(fit * SIZE);
  });
});

describe('room that is promised', () => {
  it('is free again when the upload fails', async () => {
    const { client, used } = await withQuota(SIZE);
    const body = randomBytes(SIZE);
    for (let turn = 0; turn < 5; turn += 1) {
      expect((await client.put('wrong', body, { 'Repr-Digest': LIE })).type).toBe('digest-mismatch');
    }
    expect((await client.put('right', body)).status).toBe(201);
    expect(await used()).toBe(SIZE);
  });

  it('is free again when the client goes away', async () => {
    const { client, used } = await withQuota(SIZE);
    const body = randomBytes(SIZE);
    for (let turn = 0; turn < 5; turn += 1) {
      using raw = await rawConnection(gateway);
      await raw.write(
        `PUT /api/content/gone HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\nContent-Length: ${SIZE}\r\n` +
          `Expect: 100-continue\r\n\r\n`,
      );
      await raw.until(/^HTTP\/1\.1 100 /);
      await raw.write('a part');
      expect((await client.put('meanwhile', 'xx')).type).toBe('quota-exceeded');
      raw.socket.destroy();
      await expect
        .poll(async () => (await client.put('fits', body, { 'Repr-Digest': LIE })).type)
        .toBe('digest-mismatch');
    }
    expect((await client.put('right', body)).status).toBe(201);
    expect(await used()).toBe(SIZE);
  });

  it('is not there for an upload that says to be larger: 507, and no «100 Continue»', async () => {
    const { client } = await withQuota(SIZE);
    const announce = async (length: number) => {
      using raw = await rawConnection(gateway);
      await raw.write(
        `PUT /api/content/announced HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\n` +
          `Content-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`,
      );
      return await raw.until(/HTTP\/1\.1 \d{3} [^]*\r\n\r\n/);
    };
    const refused = await announce(SIZE + 1);
    expect([statusOf(refused), /^HTTP\/1\.1 100/.test(refused), refused.includes('quota-exceeded')]).toEqual([
      507,
      false,
      true,
    ]);
    expect(await announce(2 ** 52)).toMatch(/^HTTP\/1\.1 507 /);
    expect(await announce(SIZE)).toMatch(/^HTTP\/1\.1 100 /);
  });

  it('of a limit that was lowered is not taken back from files, and nothing more fits; raised, it fits', async () => {
    const { client, limit, used } = await withQuota(2 * SIZE);
    const body = randomBytes(SIZE);
    await client.put('kept', body);
    await used();
    await limit(10);
    expect((await client.put('more', 'x')).type).toBe('quota-exceeded');
    expect((await client.get('kept')).body.equals(body)).toBe(true);
    await limit(2 * SIZE);
    expect((await client.put('more', body)).status).toBe(201);
    await limit(null);
    expect((await client.put('much-more', randomBytes(50 * SIZE))).status).toBe(201);
  });
});

it('nothing of what was refused is left', async () => {
  await upkeep(gateway);
  await using database = await intruder(gateway);
  const live = await database.query<{ name: string }>(`select name from blobs where state = 'live'`);
  const others = await database.query(`select 1 from blobs where state in ('intended', 'condemned')`);
  expect(others.rowCount).toBe(0);
  expect([...(await blobsOnDisk(vaultOf(gateway))).keys()].sort()).toEqual(live.rows.map(({ name }) => name).sort());
  await expect.poll(() => halfWritten(gateway.dataFolder)).toEqual([]);
});
