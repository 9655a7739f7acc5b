import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { replanShard } from '../src/contents/draft.store.js';
import { Database } from '../src/database/index.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, intruder, standStill } from './support/inside.js';
import { call, newPerson, signIn } from './support/people.js';
import { connectPlaces, type TestPlaces } from './support/places.js';

const CHUNK = 64 * 1024;

let gateway: TestGateway;
let admin: Client;
let person: Client;
let places: TestPlaces;

beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK) } });
  await standStill(gateway);
  admin = new Client(gateway, await signIn(gateway));
  places = await connectPlaces(admin, 2);
  person = new Client(gateway, (await newPerson(gateway, admin.token, ['user'])).token);
});
afterAll(async () => {
  for (const client of [admin, person]) client?.[Symbol.dispose]();
  await gateway?.stop();
  await places?.[Symbol.asyncDispose]();
});

/** What befalls a place while an upload to it goes on, of which a part lies there already. */
const LOSSES = {
  'a fault is noted': `update blobs set fault = 'missing', fault_at = now() where connection = $1 and state = 'live'`,
  'it is removed': `update connections set removed_at = now() where id = $1`,
  'it is given up': `update connections set given_up_at = now(), given_up_by = id where id = $1`,
};

/** An upload of three chunks of which two are durable. */
async function begun(name: string, plain: Buffer): Promise<string> {
  const metadata = `path ${Buffer.from(name).toString('base64')}`;
  const headers = { 'Tus-Resumable': '1.0.0', 'Upload-Length': String(plain.length), 'Upload-Metadata': metadata };
  const made = await call(gateway, '/api/uploads', { method: 'POST', token: person.token, headers });
  expect(made.status).toBe(201);
  const place = made.headers.get('location')!;
  expect((await goOn(place, 0, plain.subarray(0, 2 * CHUNK))).status).toBe(204);
  return place;
}

function goOn(place: string, offset: number, part: Buffer) {
  const type = 'application/offset+octet-stream';
  const headers = { 'Tus-Resumable': '1.0.0', 'Content-Type': type, 'Upload-Offset': String(offset) };
  return call(gateway, place, { method: 'PATCH', token: person.token, headers, body: part });
}

const look = (place: string) =>
  call(gateway, place, { method: 'HEAD', token: person.token, headers: { 'Tus-Resumable': '1.0.0' } });

it.each([
  { parity: 0, loss: 'a fault is noted', status: 503 },
  { parity: 0, loss: 'it is given up', status: 503 },
  { parity: 0, loss: 'it is removed', status: 503 },
  { parity: 1, loss: 'a fault is noted', status: 201 },
  { parity: 1, loss: 'it is given up', status: 201 },
] as const)('acknowledges nothing that is lost by then: parity $parity, $loss', async ({ parity, loss, status }) => {
  const [place] = places.all;
  await person.spread(1, parity, places.all.slice(0, parity + 1));
  await using sql = await intruder(gateway);
  const plain = randomBytes(6 * CHUNK);
  const goOn = Promise.withResolvers<void>();
  async function* slowly(): AsyncGenerator<Buffer> {
    yield plain.subarray(0, 5 * CHUNK);
    await goOn.promise;
    yield plain.subarray(5 * CHUNK);
  }
  const name = `file-${parity}-${loss.length}`;
  const uploading = person.put(name, slowly());
  const live = `select 1 from blobs b join shards s on s.account = b.account and s.blob = b.id
    join contents c on c.account = s.account and c.id = s.content and c.state = 'open'
    where b.connection = $1 and b.state = 'live' and b.fault is null`;
  await expect.poll(async () => (await sql.query(live, [place!.id])).rows.length).toBeGreaterThan(0);
  await sql.query(LOSSES[loss], [place!.id]);
  goOn.resolve();
  expect((await uploading).status).toBe(status);
  expect((await person.get(name)).status).toBe(status === 201 ? 200 : 404);
  await sql.query(`update connections set given_up_at = null, given_up_by = null, removed_at = null where id = $1`, [
    place!.id,
  ]);
});

it.each([
  { parity: 0, loss: 'a fault is noted', status: 410, stays: false },
  { parity: 0, loss: 'it is given up', status: 410, stays: false },
  { parity: 0, loss: 'it is removed', status: 410, stays: false },
  { parity: 1, loss: 'a fault is noted', status: 204, stays: true },
  { parity: 1, loss: 'it is given up', status: 204, stays: true },
] as const)(
  'tells at once that an upload cannot go on of which too much is lost: parity $parity, $loss',
  async ({ parity, loss, status, stays }) => {
    const [place] = places.all;
    await person.spread(1, parity, places.all.slice(0, parity + 1));
    await using sql = await intruder(gateway);
    const plain = randomBytes(3 * CHUNK);
    const name = `tus-${parity}-${loss.length}`;
    const upload = await begun(name, plain);
    await sql.query(LOSSES[loss], [place!.id]);
    const last = await goOn(upload, 2 * CHUNK, plain.subarray(2 * CHUNK));
    expect(last.status).toBe(status);
    if (!stays) expect(last.json()).toMatchObject({ type: expect.stringMatching(/upload-lost$/) });
    expect((await look(upload)).status).toBe(stays ? 200 : 404);
    expect((await person.get(name)).status).toBe(stays ? 200 : 404);
    const left = `select 1 from blobs b join shards s on s.account = b.account and s.blob = b.id
      where s.content = $1 and b.state in ('intended', 'live')`;
    expect((await sql.query(left, [upload.split('/').at(-1)])).rows.length > 0).toBe(stays);
    await sql.query(`update connections set given_up_at = null, given_up_by = null, removed_at = null where id = $1`, [
      place!.id,
    ]);
  },
);

it('moves no shard that somebody else has planned meanwhile', async () => {
  await person.spread(1, 0, [places.all[0]!.id]);
  const plain = randomBytes(3 * CHUNK);
  const upload = await begun('planned-anew', plain);
  const sql = inside(gateway, Database);
  const content = upload.split('/').at(-1)!;
  const [shard] = await sql.query<{ account: string; blob: string }>(
    `select account, blob from shards where content = $1 and chunk = 1`,
    [content],
  );
  const { account, blob } = shard!;
  const other = { id: randomUUID(), connection: places.all[1]!.id, name: 'a'.repeat(26), length: CHUNK };
  const overtaken = { account, content, chunk: 1, shard: 0, first: randomUUID() };
  expect(await replanShard(sql, overtaken, other, null)).toBe(false);
  expect(await sql.query(`select state from blobs where id in ($1, $2)`, [blob, other.id])).toEqual([
    { state: 'live' },
  ]);
  expect((await goOn(upload, 2 * CHUNK, plain.subarray(2 * CHUNK))).status).toBe(204);
  expect((await person.get('planned-anew')).status).toBe(200);
});
