import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EraseTrash, TrimVersions } from '../src/files/index.js';
import { UpkeepRounds } from '../src/upkeep/index.js';
import { Client, type Received } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, intruder } from './support/inside.js';
import { newPerson, PASSWORD, type Person, signIn } from './support/people.js';

let gateway: TestGateway;
let admin: string;
let person: Person;
let client: Client;
beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_VERSIONS_KEPT: '1', TESSERA_VERSION_DAYS: '1' } });
  await inside(gateway, UpkeepRounds).onApplicationShutdown();
  admin = await signIn(gateway);
});
beforeEach(async () => {
  client?.[Symbol.dispose]();
  person = await newPerson(gateway, admin, ['user']);
  client = new Client(gateway, person.token);
  await client.put('camera/2026/originals/photo.raw', 'the original');
  await client.put('camera/2026/edited/photo.jpg', 'edited');
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
});

const LATER = '2090-01-01T00:00:00Z';
const ORIGINALS = 'camera/2026/originals';
const PHOTO = `${ORIGINALS}/photo.raw`;
const make = (path: string, until = LATER) => client.json('PUT', `/api/immutable/${path}`, { until });
const immutable = (answer: Received) => expect([answer.status, answer.type]).toEqual([409, 'immutable']);
const versionsOf = async (path: string) =>
  (await client.send(`/api/versions/${path}`))
    .json<{ items: { version: string }[] }>()
    .items.map(({ version }) => version);
const basic = () => ({ Authorization: `Basic ${Buffer.from(`${person.email}:${PASSWORD}`).toString('base64')}` });

async function end(): Promise<void> {
  await using database = await intruder(gateway);
  await database.query('alter table immutable_folders disable trigger immutable_date_only_grows');
  await database.query(`update immutable_folders set until = now() where account = $1`, [person.id]);
  await database.query('alter table immutable_folders enable trigger immutable_date_only_grows');
}

describe('an original', () => {
  beforeEach(async () => {
    const answer = await make(ORIGINALS);
    expect([answer.status, answer.json()['path'], answer.json()['until']]).toEqual([
      200,
      ORIGINALS,
      '2090-01-01T00:00:00.000Z',
    ]);
  });

  it('is not moved, renamed or deleted by its owner, nor with any folder that it lies in', async () => {
    for (const path of [PHOTO, ORIGINALS, 'camera/2026', 'camera']) {
      immutable(await client.remove(path));
      immutable(await client.move(path, 'elsewhere'));
      immutable(await client.move(path, `${path}-renamed`));
    }
    expect((await client.get(PHOTO)).body.toString()).toBe('the original');
    expect((await client.send('/api/trash')).json()).toEqual({ items: [] });
  });

  it('is not moved, overwritten or deleted through WebDAV either', async () => {
    const dav = (method: string, path: string, headers = {}) =>
      client.send(`/dav/${path}`, { method, headers: { ...basic(), ...headers } });
    const to = (path: string) => ({ Destination: `${gateway.url}/dav/${path}`, Overwrite: 'T' });
    for (const answer of [
      await dav('DELETE', PHOTO),
      await dav('DELETE', 'camera'),
      await dav('MOVE', PHOTO, to('elsewhere')),
      await dav('MOVE', 'camera/2026/edited/photo.jpg', to(PHOTO)),
      await dav('COPY', 'camera/2026/edited', to(ORIGINALS)),
      await dav('COPY', 'camera/2026/edited', to('camera')),
    ]) {
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
    }
    expect((await client.get(PHOTO)).body.toString()).toBe('the original');
    expect((await client.get('camera/2026/edited/photo.jpg')).body.toString()).toBe('edited');
  });

  it('stays beside what is written over it, and none of the versions is erased, by hand or by upkeep', async () => {
    await client.put(PHOTO, 'written over');
    await client.put(PHOTO, 'and over');
    await client.put('camera/2026/edited/photo.jpg', 'again');
    const versions = await versionsOf(PHOTO);
    expect(versions.length).toBe(3);
    immutable(await client.send(`/api/versions/${PHOTO}?version=${versions[2]}`, { method: 'DELETE' }));
    await using database = await intruder(gateway);
    await database.query(
      `update versions set superseded_at = superseded_at - interval '10 days' where account = $1 and superseded_at is not null`,
      [person.id],
    );
    await inside(gateway, TrimVersions).run();
    expect(await versionsOf(PHOTO)).toEqual(versions);
    expect((await versionsOf('camera/2026/edited/photo.jpg')).length).toBe(1);
    expect((await client.get(`${PHOTO}?version=${versions[2]}`)).body.toString()).toBe('the original');
    expect((await client.json('POST', `/api/versions/${PHOTO}`, { restore: versions[2] })).status).toBe(200);
    expect((await client.get(PHOTO)).body.toString()).toBe('the original');
  });

  it('has derived files beside it, which stay from then on too', async () => {
    expect((await client.put(`${ORIGINALS}/derived/small.jpg`, 'small')).status).toBe(201);
    expect((await client.move('camera/2026/edited/photo.jpg', `${ORIGINALS}/photo.jpg`)).status).toBe(200);
    expect((await client.json('POST', '/api/copy', { from: PHOTO, to: 'camera/copy.raw' })).status).toBe(201);
    immutable(await client.remove(`${ORIGINALS}/derived/small.jpg`));
    immutable(await client.remove(`${ORIGINALS}/derived`));
    immutable(await client.move(`${ORIGINALS}/photo.jpg`, 'back'));
    expect((await client.remove('camera/copy.raw')).status).toBe(204);
    expect((await client.remove('camera/2026/edited')).status).toBe(204);
  });

  it('is like any other file after its date', async () => {
    await client.put(PHOTO, 'written over');
    await end();
    expect((await client.send('/api/immutable')).json()).toEqual({ items: [] });
    await inside(gateway, TrimVersions).run();
    expect((await client.move(PHOTO, 'moved')).status).toBe(200);
    expect((await client.remove('camera')).status).toBe(204);
    expect((await client.send('/api/trash', { method: 'DELETE' })).status).toBe(204);
    await inside(gateway, EraseTrash).run();
  });
});

describe('the date of an immutable folder', () => {
  it('is moved further away and never back, whoever tries', async () => {
    expect((await make(ORIGINALS)).status).toBe(200);
    const earlier = await make(ORIGINALS, '2089-12-31T00:00:00Z');
    expect([earlier.status, earlier.type]).toEqual([422, 'validation']);
    expect((await make(ORIGINALS, '2091-01-01T00:00:00Z')).status).toBe(200);
    expect((await client.send('/api/immutable')).json<{ items: object[] }>().items).toMatchObject([
      { path: ORIGINALS, until: '2091-01-01T00:00:00.000Z' },
    ]);
    await using database = await intruder(gateway);
    await expect(database.query('update immutable_folders set until = now()')).rejects.toThrow(
      'stays so until its date',
    );
    for (const method of ['DELETE', 'PATCH', 'POST']) {
      expect((await client.send(`/api/immutable/${ORIGINALS}`, { method })).status).toBe(405);
    }
  });

  it('lies ahead, and within a hundred years', async () => {
    for (const until of ['2020-01-01T00:00:00Z', '2500-01-01T00:00:00Z'])
      expect((await make(ORIGINALS, until)).status).toBe(422);
    expect((await make(ORIGINALS, 'soon')).status).toBe(422);
    expect((await client.remove(ORIGINALS)).status).toBe(204);
  });
});

it('only folders of one’s own are made immutable', async () => {
  expect((await make(PHOTO)).type).toBe('not-a-folder');
  expect((await make('absent')).status).toBe(404);
  using other = new Client(gateway, (await newPerson(gateway, admin, ['user'])).token);
  expect((await other.json('PUT', `/api/immutable/${ORIGINALS}`, { until: LATER })).status).toBe(404);
  expect((await other.send('/api/immutable')).json()).toEqual({ items: [] });
});

it('what was thrown away before its folder became immutable is not held by it', async () => {
  const { id } = (await client.put(`${ORIGINALS}/early`, 'x')).json<{ id: string }>();
  await client.remove(`${ORIGINALS}/early`);
  await make(ORIGINALS);
  expect((await client.restore(id)).status).toBe(200);
  immutable(await client.remove(`${ORIGINALS}/early`));
});

it('a deletion and a date that come at once leave the folder, or nothing immutable', async () => {
  for (let round = 0; round < 8; round++) {
    await client.put(`race-${round}/file`, 'x');
    const [made, removed] = await Promise.all([make(`race-${round}`), client.remove(`race-${round}`)]);
    expect([`${made.status} ${removed.status}`]).toContain(made.status === 200 ? '200 409' : '404 204');
  }
});
