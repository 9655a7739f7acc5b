import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Job } from '#contracts';
import { Database } from '../src/database/index.js';
import { Worker } from '../src/jobs/index.js';
import { ReadFile } from '../src/transfers/index.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder, upkeep } from './support/inside.js';
import { whileItEnds } from './support/last-moment.js';
import { newPerson, signIn } from './support/people.js';
import { connectPlaces, type TestPlace, type TestPlaces } from './support/places.js';

const CHUNK = 64 * 1024;

let gateway: TestGateway;
let admin: Client;
let places: TestPlaces;
const clients: Client[] = [];

beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK) } });
  admin = new Client(gateway, await signIn(gateway));
  clients.push(admin);
  places = await connectPlaces(admin, 12);
});
afterAll(async () => {
  for (const client of clients) client[Symbol.dispose]();
  await gateway?.stop();
  await places?.[Symbol.asyncDispose]();
});
afterEach(() => void vi.restoreAllMocks());

async function personWith(data: number, parity: number, on: readonly TestPlace[]): Promise<Client> {
  const person = new Client(gateway, (await newPerson(gateway, admin.token, ['user'])).token);
  clients.push(person);
  await person.spread(data, parity, on);
  return person;
}

const drainOf = (place: TestPlace) => `/api/cloud/connections/${place.id}/drain`;

async function drain(place: TestPlace): Promise<string> {
  const answer = await admin.send(drainOf(place), { method: 'POST' });
  expect(answer.status).toBe(202);
  return answer.json<{ job: Job }>().job.id;
}

const jobOf = async (id: string): Promise<Job> => (await admin.send(`/api/jobs/${id}`)).json<Job>();
async function ends(id: string): Promise<void> {
  await expect.poll(async () => (await jobOf(id)).state, { timeout: 20_000, interval: 50 }).toBe('done');
}

/** Places where none of the first test's files lie. */
const apart = () => places.all.slice(-5, -2);

async function liesOn(place: TestPlace): Promise<number> {
  await using sql = await intruder(gateway);
  const { rows } = await sql.query<{ n: number }>(
    `select count(*)::int as n from blobs where connection = $1 and state in ('intended', 'live')`,
    [place.id],
  );
  return rows[0]!.n;
}

/** Pieces of uploads that are under way. */
async function openOn({ id }: TestPlace): Promise<number> {
  await using sql = await intruder(gateway);
  const { rows } = await sql.query<{ n: number }>(
    `select count(*)::int as n from contents c join shards s on s.account = c.account and s.content = c.id
     join blobs b on b.account = s.account and b.id = s.blob where c.state = 'open' and b.connection = $1`,
    [id],
  );
  return rows[0]!.n;
}

describe('draining a connection', () => {
  it('moves everything off it while people read and write, and then it goes without a word', async () => {
    const [first, second, third, fourth] = places.all as [TestPlace, TestPlace, TestPlace, TestPlace];
    const spread = await personWith(2, 1, [first, second, third, fourth]);
    const single = await personWith(1, 0, [first, second]);
    const files = new Map<string, Buffer>();
    for (let nth = 0; nth < 6; nth += 1) {
      const plain = randomBytes(5 * CHUNK + nth);
      files.set(`file-${nth}`, plain);
      expect((await spread.put(`file-${nth}`, plain)).status).toBe(201);
      expect((await single.put(`file-${nth}`, plain)).status).toBe(201);
    }
    // An upload that has planned with it, and is still under way when the drain begins.
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const late = randomBytes(24 * CHUNK);
    async function* slowly(): AsyncGenerator<Buffer> {
      yield late.subarray(0, 20 * CHUNK);
      begun.resolve();
      await goOn.promise;
      yield late.subarray(20 * CHUNK);
    }
    const uploading = single.put('late', slowly());
    await begun.promise;
    await expect.poll(() => openOn(first)).toBeGreaterThan(0);
    const before = await liesOn(first);
    expect(before).toBeGreaterThan(10);
    const id = await drain(first);
    expect(await drain(first)).toBe(id);
    let reads = 0;
    let writes = 0;
    let over = false;
    const people = [spread, single].map(async (person) => {
      while (!over) {
        const [name, plain] = [...files][reads % files.size]!;
        expect((await person.get(name)).body.equals(plain)).toBe(true);
        expect((await person.put(`new-${writes}`, plain)).status).toBe(201);
        reads += 1;
        writes += 1;
      }
    });
    await expect.poll(async () => (await jobOf(id)).progress.note, { timeout: 20_000 }).toMatch(/under way there/);
    goOn.resolve();
    expect((await uploading).status).toBe(201);
    await expect.poll(async () => ['waiting', 'done'].includes((await jobOf(id)).state)).toBe(true);
    await hurried(id);
    await ends(id);
    over = true;
    await Promise.all(people);
    const { progress } = await jobOf(id);
    expect([progress.done === progress.total, progress.note]).toEqual([
      true,
      'Nothing lies there any more: it can be removed.',
    ]);
    expect(await liesOn(first)).toBe(0);
    await upkeep(gateway);
    expect((await blobsOnDisk(first.path)).size).toBe(0);
    for (const person of [spread, single]) {
      for (const [name, plain] of files) expect((await person.get(name)).body.equals(plain)).toBe(true);
    }
    expect((await single.get('late')).body.equals(late)).toBe(true);
    expect((await admin.send(`/api/cloud/connections/${first.id}`, { method: 'DELETE' })).status).toBe(204);
    places.all.shift();
  });

  it('says what it waits for where there is no other place, and goes on when there is one', async () => {
    const [first, second] = apart() as [TestPlace, TestPlace];
    const person = await personWith(1, 1, [first, second]);
    const plain = randomBytes(2 * CHUNK);
    await person.put('mirrored', plain);
    const id = await drain(first);
    await expect
      .poll(async () => (await jobOf(id)).progress.note)
      .toMatch(/no other place to go to\. Each chunk needs 2/);
    expect((await person.get('mirrored')).body.equals(plain)).toBe(true);
    await person.spread(1, 1, apart());
    await hurried(id);
    await ends(id);
    expect(await liesOn(first)).toBe(0);
    expect((await admin.send(drainOf(first), { method: 'DELETE' })).status).toBe(204);
  });

  it('is left off when its owner says so: new files go there again', async () => {
    const [first, second] = apart() as [TestPlace, TestPlace];
    const person = await personWith(1, 1, [first, second]);
    await person.put('kept', randomBytes(CHUNK));
    const id = await drain(first);
    await expect.poll(async () => (await jobOf(id)).progress.note).toMatch(/no other place/);
    const details = await admin.send(`/api/cloud/connections/${first.id}`);
    expect(details.json()['drainingSince']).toEqual(expect.any(String));
    expect((await person.put('refused', randomBytes(10))).type).toBe('too-few-places');
    expect((await admin.send(drainOf(first), { method: 'DELETE' })).status).toBe(204);
    await ends(id);
    expect((await jobOf(id)).progress.note).toMatch(/^Left off/);
    expect((await person.put('taken', randomBytes(10))).status).toBe(201);
    expect((await admin.send(drainOf(first), { method: 'DELETE' })).status).toBe(204);
  });

  /** A drain that waits, and whose pieces find a place when it looks again. */
  async function waitingDrain(): Promise<{ first: TestPlace; id: string }> {
    const [first, second, third] = places.all.slice(-8, -5) as [TestPlace, TestPlace, TestPlace];
    const person = await personWith(1, 1, [first, second]);
    await person.put('wanted-elsewhere', randomBytes(CHUNK));
    const id = await drain(first);
    await expect.poll(async () => (await jobOf(id)).progress.note).toMatch(/no other place/);
    await person.spread(1, 1, [first, second, third]);
    return { first, id };
  }

  it('is not left off by a job that has seen so, where its owner wants it again before that has ended', async () => {
    const { first, id } = await waitingDrain();
    const database = inside(gateway, Database);
    const query = database.query.bind(database);
    let again: Promise<string> | undefined;
    vi.spyOn(database, 'query').mockImplementation(async (text, values) => {
      const rows = await query(text, values);
      if (again === undefined && values?.[0] === first.id && rows[0]?.['drain_since'] === null)
        await (again = drain(first));
      return rows as never[];
    });
    expect((await admin.send(drainOf(first), { method: 'DELETE' })).status).toBe(204);
    await ends(id);
    expect(await again).toBe(id);
    expect(await liesOn(first)).toBe(0);
    expect((await jobOf(id)).progress.note).toMatch(/^Nothing lies there/);
    expect((await admin.send(drainOf(first), { method: 'DELETE' })).status).toBe(204);
  });

  it('is begun by another job, where its owner wants it again while that one ends', async () => {
    const { first, id } = await waitingDrain();
    const again = whileItEnds(gateway, () => drain(first));
    expect((await admin.send(drainOf(first), { method: 'DELETE' })).status).toBe(204);
    await ends(id);
    expect((await jobOf(id)).progress.note).toMatch(/^Left off/);
    expect(await again).not.toBe(id);
    await ends(await again);
    expect(await liesOn(first)).toBe(0);
    expect((await admin.send(drainOf(first), { method: 'DELETE' })).status).toBe(204);
  });

  it('takes nothing away from under whoever reads a single copy just then', async () => {
    const [first, second] = places.all.slice(-2) as [TestPlace, TestPlace];
    const person = await personWith(1, 0, [first]);
    const plain = randomBytes(6 * CHUNK);
    await person.put('read', plain);
    const account = (await person.send('/api/auth/me')).json<{ id: string }>().id;
    const content = await (await inside(gateway, ReadFile).run(account, ['read'])).content();
    const pieces: Buffer[] = [];
    const reading = content.read(0, plain.length, 1)[Symbol.asyncIterator]();
    pieces.push((await reading.next()).value as Buffer);
    await person.spread(1, 0, [second]);
    await ends(await drain(first));
    await upkeep(gateway);
    expect((await blobsOnDisk(first.path)).size).toBe(0);
    for (let next = await reading.next(); !next.done; next = await reading.next()) pieces.push(next.value);
    expect(Buffer.concat(pieces).equals(plain)).toBe(true);
    expect((await admin.send(drainOf(first), { method: 'DELETE' })).status).toBe(204);
  });

  it('is asked for by its owner, or by an admin for the house’s', async () => {
    const person = await personWith(1, 0, places.all.slice(0, 1));
    const [first] = places.all as [TestPlace];
    expect((await person.send(drainOf(first), { method: 'POST' })).status).toBe(403);
    expect((await person.send(drainOf(first), { method: 'DELETE' })).status).toBe(403);
    const nobody = drainOf({ id: '01890000-0000-7000-8000-000000000000', path: '' });
    expect((await person.send(nobody, { method: 'POST' })).status).toBe(404);
  });
});

/** As if the time until the next look were over. */
async function hurried(id: string): Promise<void> {
  await using sql = await intruder(gateway);
  await sql.query(`update jobs set next_at = now() - interval '1 minute' where id = $1 and state = 'waiting'`, [id]);
  await inside(gateway, Worker).recover();
}
