import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { intruder, standStill } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';
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

it.each([
  { parity: 0, loss: 'a fault is noted', status: 503 },
  { parity: 0, loss: 'it is given up', status: 503 },
  { parity: 0, loss: 'it is removed', status: 503 },
  { parity: 1, loss: 'a fault is noted', status: 201 },
  { parity: 1, loss: 'it is given up', status: 201 },
] as const)('acknowledges nothing that is lost by then: parity $parity, $loss', async ({ parity, loss, status }) => {
  const [place] = places.all;
  const spread = { data: 1, parity, connections: places.all.slice(0, parity + 1).map(({ id }) => id) };
  expect((await person.json('PATCH', '/api/users/me/default-storage', spread)).status).toBe(200);
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
