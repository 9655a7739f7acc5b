import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, type Received } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, halfWritten, inside, intruder, upkeep, vaultOf } from './support/inside.js';
import { signIn } from './support/people.js';
import { Quota } from '../src/contents/index.js';

const WRITERS = 200;

let gateway: TestGateway;
let client: Client;
beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_VERSIONS_KEPT: '0' } });
  client = new Client(gateway, await signIn(gateway));
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
});

/** Each of another length, so that a mixture of two could not pass. */
const bodies = () => Array.from({ length: WRITERS }, (_, nth) => randomBytes(2000 + nth));
const writeAll = (
  path: string,
  all: readonly Buffer[],
  headers: (nth: number) => Record<string, string> = () => ({}),
) => Promise.all(all.map((body, nth) => client.put(path, body, headers(nth))));
const tally = (answers: readonly Received[]) => {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

async function versionsAt(path: string) {
  const { id } = (await client.tree(path)).json<{ id: string }>();
  await using database = await intruder(gateway);
  const { rows } = await database.query<{ id: string; number: number; size: string; head: boolean; state: string }>(
    `select v.id, v.number, v.size, n.head = v.id as head, c.state from versions v
     join nodes n on n.account = v.account and n.id = v.file
     join contents c on c.account = v.account and c.id = v.content where v.file = $1 order by v.number`,
    [id],
  );
  return rows;
}

/** After upkeep nothing is open, nothing condemned, and on the disk lies what the database knows. */
async function nothingLeftBehind() {
  await upkeep(gateway);
  await using database = await intruder(gateway);
  const open = await database.query(`select 1 from contents where state = 'open'`);
  const ended = await database.query(`select 1 from blobs where state in ('intended', 'condemned')`);
  const live = await database.query<{ name: string }>(`select name from blobs where state = 'live'`);
  expect([open.rowCount, ended.rowCount]).toEqual([0, 0]);
  expect([...(await blobsOnDisk(vaultOf(gateway))).keys()].sort()).toEqual(live.rows.map(({ name }) => name).sort());
  await expect.poll(() => halfWritten(gateway.dataFolder)).toEqual([]);
}

async function usedAfterSettling(): Promise<number> {
  await using database = await intruder(gateway);
  const slabs = async () => {
    await inside(gateway, Quota).returnIdle();
    return (await database.query('select 1 from quota_slabs')).rowCount;
  };
  await expect.poll(slabs).toBe(0);
  const { rows } = await database.query<{ settled: string; sizes: string }>(
    `select (select sum(settled) from quota_usage) as settled,
       (select sum(size) from contents where state = 'published') as sizes`,
  );
  expect(rows[0]!.settled).toBe(rows[0]!.sizes);
  return Number(rows[0]!.settled);
}

describe('two hundred who write one path at once', () => {
  it('all get their version, one made the file, and the newest is one of theirs, whole', async () => {
    const all = bodies();
    const answers = await writeAll('deep/in/folders/shared', all);
    expect(tally(answers)).toEqual({ 200: WRITERS - 1, 201: 1 });
    const versions = await versionsAt('deep/in/folders/shared');
    expect(versions.map(({ number }) => number)).toEqual(all.map((_, nth) => nth + 1));
    expect(versions.filter(({ head }) => head).map(({ number }) => number)).toEqual([WRITERS]);
    expect(new Set(versions.map(({ state }) => state))).toEqual(new Set(['published']));
    expect(new Set(versions.map(({ id }) => id))).toEqual(new Set(answers.map((answer) => answer.json()['version'])));
    expect(versions[0]!.id).toBe(answers.find(({ status }) => status === 201)!.json()['version']);
    const newest = await client.get('deep/in/folders/shared');
    expect(newest.headers['etag']).toBe(`"${versions.at(-1)!.id}"`);
    expect(all.filter((body) => body.equals(newest.body))).toHaveLength(1);
    expect(newest.body.length).toBe(Number(versions.at(-1)!.size));
    await nothingLeftBehind();
  });

  it('and create only, one wins and the others hear 412', async () => {
    const all = bodies();
    const answers = await writeAll('only-one', all, () => ({ 'If-None-Match': '*' }));
    expect(tally(answers)).toEqual({ 201: 1, 412: WRITERS - 1 });
    const winner = answers.findIndex(({ status }) => status === 201);
    expect((await client.get('only-one')).body.equals(all[winner]!)).toBe(true);
    expect(await versionsAt('only-one')).toHaveLength(1);
    await nothingLeftBehind();
  });

  it('and replace one version, one wins and the others hear 412', async () => {
    const first = await client.put('replaced', 'first');
    const all = bodies();
    const answers = await writeAll('replaced', all, () => ({ 'If-Match': String(first.headers['etag']) }));
    expect(tally(answers)).toEqual({ 200: 1, 412: WRITERS - 1 });
    const winner = answers.findIndex(({ status }) => status === 200);
    expect((await client.get('replaced')).body.equals(all[winner]!)).toBe(true);
    expect(await versionsAt('replaced')).toHaveLength(2);
    await nothingLeftBehind();
  });

  it('in a chain of compare-and-set lose no word of anybody’s', async () => {
    await client.put('counter', '');
    const append = async (word: string): Promise<void> => {
      for (;;) {
        const before = await client.get('counter');
        const etag = String(before.headers['etag']);
        const { status } = await client.put('counter', `${before.body.toString()}${word};`, { 'If-Match': etag });
        if (status === 200) return;
        expect(status).toBe(412);
      }
    };
    const words = Array.from({ length: 12 }, (_, nth) => `w${nth}`);
    await Promise.all(words.map(append));
    const written = (await client.get('counter')).body.toString().split(';').filter(Boolean);
    expect(written.sort()).toEqual([...words].sort());
    expect(await versionsAt('counter')).toHaveLength(words.length + 1);
  });

  it('of empty files, which need no draft, too', async () => {
    const answers = await writeAll(
      'empty',
      Array.from({ length: WRITERS }, () => Buffer.alloc(0)),
    );
    expect(tally(answers)).toEqual({ 200: WRITERS - 1, 201: 1 });
    expect((await versionsAt('empty')).map(({ number }) => number)).toEqual(answers.map((_, nth) => nth + 1));
    expect((await client.get('empty')).body.length).toBe(0);
  });

  it('into folders that all of them make', async () => {
    const answers = await Promise.all(
      Array.from({ length: WRITERS }, (_, nth) => client.put(`made/by/all/${nth % 3}/${nth}`, `${nth}`)),
    );
    expect(tally(answers)).toEqual({ 201: WRITERS });
    const counts = await Promise.all(
      [0, 1, 2].map(async (folder) => (await client.tree(`made/by/all/${folder}`)).json<{ items: [] }>().items.length),
    );
    expect(counts).toEqual([67, 67, 66]);
    const above = (await client.tree('made/by')).json<{ items: { name: string }[] }>();
    expect(above.items.map(({ name }) => name)).toEqual(['all']);
  });

  it('while it is moved and deleted and restored, end as files somewhere and never half', async () => {
    const moves = async (): Promise<void> => {
      for (let turn = 0; turn < 20; turn += 1) {
        await client.move('wandering', `wandered-${turn}`);
        const found = await client.tree('wandering');
        if (found.status !== 200) continue;
        await client.remove('wandering');
        await client.restore(String(found.json()['id']));
      }
    };
    const all = bodies();
    const [answers] = await Promise.all([writeAll('wandering', all), moves()]);
    expect(answers.filter(({ status }) => status !== 200 && status !== 201)).toEqual([]);
    const places = (await client.tree('')).json<{ items: { name: string }[] }>().items.map(({ name }) => name);
    for (const place of places.filter((name) => name.startsWith('wander'))) {
      const { body, whole } = await client.get(place);
      expect([place, whole, all.filter((one) => one.equals(body)).length]).toEqual([place, true, 1]);
    }
    await nothingLeftBehind();
  });

  it('are counted to the byte', async () => {
    expect(await usedAfterSettling()).toBeGreaterThan(WRITERS * 2000);
  });
});
