import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type NextcloudDouble, startNextcloudDouble } from '#storage/testing';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { intruder } from './support/inside.js';
import { signIn } from './support/people.js';

const CHUNK = 64 * 1024;
const LOST_ONE_IN = 10;

let gateway: TestGateway;
let person: Client;
const clouds: NextcloudDouble[] = [];
/** By connection. */
const kept = new Map<string, NextcloudDouble>();

beforeAll(async () => {
  gateway = await startGateway({
    environment: { TESSERA_ALLOW_HOSTS: '127.0.0.1', TESSERA_CHUNK_BYTES: String(CHUNK) },
  });
  person = new Client(gateway, await signIn(gateway));
  for (let nth = 0; nth < 3; nth += 1) {
    const cloud = await startNextcloudDouble();
    clouds.push(cloud);
    cloud.ways.quota = 1_000_000_000;
    const request = { label: `cloud ${nth}`, url: cloud.url, ...cloud.login, house: true, domain: `cloud ${nth}` };
    const made = await person.json('POST', '/api/cloud/connections/webdav', request);
    expect([made.status, made.json()]).toEqual([201, expect.anything()]);
    kept.set(made.json<{ id: string }>().id, cloud);
  }
  await person.spread(2, 1, [...kept.keys()]);
});
afterAll(async () => {
  person?.[Symbol.dispose]();
  await gateway?.stop();
  for (const cloud of clouds) await cloud.stop();
});

it('finds every write that was answered with yes and kept by nobody, before the upload is acknowledged', async () => {
  let puts = 0;
  const lost = new Set<string>();
  for (const { ways } of clouds) {
    ways.instead = (method, path) => {
      if (method !== 'PUT' || (puts += 1) % LOST_ONE_IN !== 0) return undefined;
      lost.add(path);
      return { status: 201 };
    };
  }
  const files = Array.from({ length: 8 }, (_, nth) => ({
    name: `file-${nth}`,
    plain: randomBytes(3 * CHUNK + nth + 1),
  }));
  for (const { name, plain } of files) expect((await person.put(name, plain)).status).toBe(201);
  for (const { ways } of clouds) ways.instead = null;
  expect(lost.size).toBeGreaterThanOrEqual(Math.floor(puts / LOST_ONE_IN));
  expect(lost.size).toBeGreaterThan(8);

  await using sql = await intruder(gateway);
  const { rows } = await sql.query<{ connection: string; name: string; length: string }>(
    `select b.connection, b.name, b.length from shards s join blobs b on b.account = s.account and b.id = s.blob
     join contents c on c.account = s.account and c.id = s.content where c.state = 'published'`,
  );
  expect(rows.length).toBe(files.length * 4 * 3);
  const there = rows.filter(({ connection, name, length }) => {
    const files = [...kept.get(connection)!.files];
    return files.some(([path, bytes]) => path.endsWith(name) && bytes?.length === Number(length));
  });
  expect(there.length).toBe(rows.length);
  for (const { name, plain } of files) expect((await person.get(name)).body.equals(plain)).toBe(true);
});
