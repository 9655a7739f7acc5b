import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DurabilityOfAccount, DurabilityOfEntry, Placement } from '#contracts';
import { Losses } from '../src/contents/index.js';
import { CountWeakChunks } from '../src/upkeep/durability/index.js';
import { UpkeepRounds } from '../src/upkeep/index.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, intruder } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';
import { connectPlaces, type TestPlaces } from './support/places.js';

const CHUNK = 256 * 1024;

let gateway: TestGateway;
let admin: Client;
let person: Client;
let places: TestPlaces;
let connections: string[];

beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK) } });
  // Nobody mends what is looked at here.
  await inside(gateway, UpkeepRounds).onApplicationShutdown();
  admin = new Client(gateway, await signIn(gateway));
  places = await connectPlaces(admin, 3);
  connections = places.all.map(({ id }) => id);
  person = new Client(gateway, (await newPerson(gateway, admin.token, ['user'])).token);
  await person.spread(2, 1, connections);
  for (const name of ['letters/whole', 'photos/a', 'photos/b']) {
    expect((await person.put(name, randomBytes(2 * CHUNK + 5))).status).toBe(201);
  }
});
afterAll(async () => {
  admin?.[Symbol.dispose]();
  person?.[Symbol.dispose]();
  await gateway?.stop();
  await places?.[Symbol.asyncDispose]();
});

const durability = async <T = DurabilityOfAccount>(path = '', client = person): Promise<T> => {
  const answer = await client.send(`/api/durability${path}`);
  expect(answer.status).toBe(200);
  return answer.json() as T;
};
const placement = async (path: string) => (await person.placement(path)).json<Placement & Record<string, unknown>>();
async function change(text: string, values: unknown[] = []): Promise<void> {
  await using database = await intruder(gateway);
  await database.query(text, values);
}
const recounted = () => inside(gateway, CountWeakChunks).run();

/** All blobs of a file on a place are found missing, as readers find them. */
async function lose(path: string, place: number): Promise<void> {
  await using database = await intruder(gateway);
  const { rows } = await database.query<{ account: string; blob: string }>(
    `select b.account, b.id as blob from nodes n join versions v on v.account = n.account and v.id = n.head
     join shards s on s.account = v.account and s.content = v.content join blobs b on b.account = s.account and b.id = s.blob
     where n.name = $1 and b.connection = $2`,
    [path.split('/').at(-1), connections[place]],
  );
  const losses = inside(gateway, Losses);
  for (const row of rows) losses.met({ ...row, fault: 'missing' });
  await losses.flush();
}

describe('what an account stores', () => {
  it('is said to survive what its spread promises, as long as all is well', async () => {
    const well = {
      survives: 1,
      readable: true,
      words: 'Survives the loss of any one place.',
      weakened: 0,
      unreadable: 0,
      away: null,
    };
    expect(await durability()).toEqual({ ...well, atRisk: [], places: [], doing: [] });
    expect(await durability('/photos')).toEqual({ ...well, type: 'folder', path: 'photos' });
    expect(await durability('/photos/a')).toEqual({ ...well, type: 'file', path: 'photos/a' });
  });

  it('lies where it does for a reason that is told', async () => {
    const { chunks } = await placement('photos/a');
    const whys = chunks[0]!.shards.map(({ why }) => why);
    expect(whys[0]).toMatch(
      /^Stored on “place \d”, \d{4}-\d\d-\d\d: none of the chunk’s other places fails together with “house \d”; drawn by free space, [\d.]+ GiB are free there now\.$/,
    );
  });

  it('is at risk where something was found lost: which file, how much, and what is done about it', async () => {
    await lose('photos/a', 1);
    const account = await durability();
    expect(account).toMatchObject({ survives: 0, readable: true, weakened: 3, unreadable: 0, away: null });
    expect(account.words).toBe(
      'Whole, but one more loss can lose data; one place was meant, and 3 chunks are waiting for repair.',
    );
    expect(account.atRisk).toMatchObject([
      { path: 'photos/a', inTrash: false, survives: 0, readable: true, weakened: 3 },
    ]);
    expect(await durability<DurabilityOfEntry>('/photos/a')).toMatchObject({
      survives: 0,
      weakened: 3,
      words: account.words,
    });
    expect(await durability<DurabilityOfEntry>('/photos')).toMatchObject({ survives: 0, weakened: 3 });
    expect(await durability<DurabilityOfEntry>('/letters')).toMatchObject({ survives: 1, weakened: 0 });
    const { chunks } = await placement('photos/a');
    expect(chunks[0]!.shards.find(({ state }) => state === 'missing')!.why).toMatch(
      /^Found missing on “place 1”, .*; it waits to be made anew from the others\.$/,
    );
  });

  it('says what a repair waits for', async () => {
    await change('update connections set drain_since = now() where id = $1', [connections[2]]);
    const { doing, places: troubled } = await durability();
    await change('update connections set drain_since = null where id = $1', [connections[2]]);
    expect(doing[0]).toMatchObject({ what: 'repair', waiting: 3 });
    expect(doing[0]!.words).toMatch(
      /^Waits for another place: each chunk needs 3 that fail apart from each other, and 2 take shards now\./,
    );
    expect(troubled).toMatchObject([{ connection: connections[2], trouble: 'draining' }]);
  });

  it('is nothing of anybody else', async () => {
    const account = await durability('', admin);
    expect([account.atRisk, account.weakened]).toEqual([[], 0]);
    expect((await admin.send('/api/durability/photos/a')).status).toBe(404);
  });

  it('is told to the record once for what was lost together, and counted', async () => {
    const losses = async (): Promise<unknown[]> => {
      const { items } = (await admin.send('/api/admin/audit?action=shards.lost&limit=100')).json<{
        items: unknown[];
      }>();
      return items;
    };
    await expect
      .poll(losses)
      .toMatchObject([{ subject: connections[1], details: { fault: 'missing', blobs: 3, noticedBy: 'reader' } }]);
    const metrics = (await admin.send('/api/metrics')).body.toString();
    expect(metrics).toContain('tessera_weak_chunks{survives="0"} 3');
    expect(metrics).toContain('tessera_faulty_shards{fault="missing"} 3');
    expect(metrics).toContain('tessera_shard_faults_total{fault="missing"} 3');
    expect(metrics).toContain('tessera_spooled_shards 0');
    for (const name of ['tessera_scrub_age_seconds', 'tessera_moving_shards', 'tessera_shard_moves_total']) {
      expect(metrics).toContain(`# HELP ${name} `);
    }
  });

  it('cannot be read, in part, when too much is lost, and says so', async () => {
    await lose('photos/b', 0);
    await change(
      `update blobs b set fault = 'damaged', fault_at = now() from shards s, versions v, nodes n
       where b.account = s.account and b.id = s.blob and b.connection = $1 and v.account = s.account and v.content = s.content
         and n.account = v.account and n.head = v.id and n.name = 'b'`,
      [connections[2]],
    );
    const { readable, words, unreadable, atRisk } = await durability();
    expect([readable, unreadable, words]).toEqual([
      false,
      3,
      'Some of it cannot be read as things are: too many places are lost or away.',
    ]);
    expect(atRisk.map(({ path, readable: whole }) => [path, whole])).toEqual([
      ['photos/b', false],
      ['photos/a', true],
    ]);
    await change('update blobs set fault = null, fault_at = null');
    expect(await durability()).toMatchObject({ survives: 1, weakened: 0, atRisk: [] });
  });
});

describe('a place that does not answer', () => {
  it('is told apart from one that is lost', async () => {
    // What it failed with is over as soon as anything succeeds there; that its consent ended is not.
    await change('update connections set needs_reconnect_at = now() where id = $1', [connections[0]]);
    for (const path of ['', '/photos', '/photos/a']) {
      const { survives, words, away } = await durability(path);
      expect([survives, words]).toEqual([1, 'Survives the loss of any one place.']);
      expect(away).toEqual({
        places: 1,
        survives: 0,
        readable: true,
        words: 'One place is away for now; until it is back, one more loss may leave some of it unreadable.',
      });
    }
    expect((await durability()).places).toMatchObject([{ label: 'place 0', trouble: 'away' }]);
  });

  it('is lost when it was given up: at once as far as is known, and then chunk by chunk', async () => {
    await change(`update connections set given_up_at = now() where id = $1`, [connections[0]]);
    expect(await durability()).toMatchObject({ survives: 0, away: null, weakened: 0 });
    await recounted();
    expect(await durability()).toMatchObject({
      survives: 0,
      away: null,
      weakened: 9,
      places: [{ trouble: 'given-up' }],
    });
    expect(await durability('/photos')).toMatchObject({ survives: 0, weakened: 6 });
    await change('update connections set given_up_at = null, needs_reconnect_at = null where id = $1', [
      connections[0],
    ]);
    await recounted();
    expect(await durability()).toMatchObject({ survives: 1, weakened: 0, places: [] });
  });
});
