import { randomBytes, randomUUID } from 'node:crypto';
import {
  appendFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Connection, Job, Scrub } from '#contracts';
import { sealMarker } from '#crypto';
import { newBlobName } from '#storage';
import { Worker } from '../src/jobs/index.js';
import { RootKeyring } from '../src/keys/index.js';
import { ScrubJob } from '../src/upkeep/scrub/scrub-job.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, standStill } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';
import { Scrubbing } from './support/scrubbing.js';

const CHUNK = 64 * 1024;

let gateway: TestGateway;
let admin: Client;
let folder: string;
let scrubbing: Scrubbing;
let database: Scrubbing['database'];

beforeAll(async () => {
  gateway = await startGateway({ environment: { TESSERA_CHUNK_BYTES: String(CHUNK) } });
  admin = new Client(gateway, await signIn(gateway));
  await standStill(gateway);
  scrubbing = await Scrubbing.of(gateway, admin);
  ({ database } = scrubbing);
  folder = await mkdtemp(join(tmpdir(), 'tessera-places-'));
});
afterAll(async () => {
  await scrubbing?.[Symbol.asyncDispose]();
  admin?.[Symbol.dispose]();
  await gateway?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

let places = 0;
let vault: string;
let connection: string;

/** A vault of its own for each test, to which everything goes from now on. */
beforeEach(async () => {
  vault = join(folder, `place-${(places += 1)}`);
  await mkdir(vault);
  const request = { label: 'vault', path: vault, house: true };
  const made = await admin.json('POST', '/api/cloud/connections/local', request);
  expect(made.status).toBe(201);
  connection = made.json<{ id: string }>().id;
  await admin.spread(1, 0, [connection]);
});

async function fill(chunks: number): Promise<string[]> {
  expect((await admin.put(`file-${places}`, randomBytes(chunks * CHUNK))).status).toBe(201);
  const blobs = [...(await blobsOnDisk(vault)).values()];
  expect(blobs.length).toBe(chunks);
  return blobs;
}

const scrub = (query = ''): Promise<Scrub> => scrubbing.now(connection, query);
const daily = (): Promise<Scrub> => scrubbing.daily(connection);
const faults = () => scrubbing.faults(connection);

const named = (paths: readonly string[]): string[] => paths.map((path) => path.slice(-26)).toSorted();
const shown = async (): Promise<Connection> => (await admin.send(`/api/cloud/connections/${connection}`)).json();

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.floor(bytes.length / 3);
  bytes[at] = bytes[at]! ^ 1;
  await writeFile(path, bytes);
}

describe('what was lost behind our back', () => {
  it('is found within one scrub, all of it and nothing else, whatever was done to it', async () => {
    const blobs = await fill(40);
    const [deleted, flipped, cut, grown] = [
      blobs.slice(0, 4),
      blobs.slice(4, 8),
      blobs.slice(8, 12),
      blobs.slice(12, 14),
    ];
    await Promise.all(deleted.map((path) => unlink(path)));
    await Promise.all(flipped.map(flip));
    await Promise.all(cut.map((path, nth) => truncate(path, nth * 1000)));
    await Promise.all(grown.map((path) => appendFile(path, 'x')));
    const found = await scrub();
    expect(await faults()).toEqual({ missing: named(deleted), damaged: named([...flipped, ...cut]) });
    expect(found).toMatchObject({ blobs: 40, missing: 4, damaged: 8, healed: 0, unknown: 0, swept: 0 });
    const again = await scrub();
    expect(again).toMatchObject({ missing: 0, damaged: 0, healed: 0 });
  });

  it('is forgiven when it is there again', async () => {
    const blobs = await fill(6);
    await cp(vault, `${vault}.copy`, { recursive: true });
    await unlink(blobs[0]!);
    await flip(blobs[1]!);
    expect(await scrub()).toMatchObject({ missing: 1, damaged: 1 });
    await cp(`${vault}.copy`, vault, { recursive: true });
    expect(await scrub()).toMatchObject({ missing: 0, damaged: 0, healed: 2 });
    expect(await faults()).toEqual({ missing: [], damaged: [] });
  });
});

describe('a daily look', () => {
  it('takes nothing for missing that one listing has not shown, and everything that two have not', async () => {
    const blobs = await fill(8);
    await unlink(blobs[0]!);
    await unlink(blobs[1]!);
    // What is read today is not one of these.
    await database.query(
      `update blobs set proved_at = now() - interval '1 day' where connection = $1 and name <> all ($2)`,
      [connection, named(blobs.slice(0, 2))],
    );
    expect(await daily()).toMatchObject({ missing: 0 });
    const soon = await scrubbing.last(connection);
    expect(Date.parse(soon.nextAt!) - Date.parse(soon.endedAt!)).toBeLessThan(2 * 3_600_000);
    expect(await daily()).toMatchObject({ missing: 0 });
    await scrubbing.hoursPass(2);
    expect(await daily()).toMatchObject({ missing: 2 });
    expect(await faults()).toEqual({ missing: named(blobs.slice(0, 2)), damaged: [] });
  });

  it('proves a thirtieth of what lies there, the oldest proofs first, and all that is overdue', async () => {
    await fill(60);
    const age = (days: string) =>
      database.query(`update blobs set proved_at = now() - make_interval(days => ${days}) where connection = $1`, [
        connection,
      ]);
    await age('(select count(*)::int from blobs o where o.connection = blobs.connection and o.name < blobs.name) % 20');
    expect(await daily()).toMatchObject({ read: 2 });
    const { rows } = await database.query(
      `select max(now() - proved_at) < interval '20 days' as proved, count(*) filter (where proved_at < now() - interval '18 days') as left
       from blobs where connection = $1`,
      [connection],
    );
    expect(rows).toEqual([{ proved: true, left: '4' }]);
    await age('31');
    expect(await daily()).toMatchObject({ read: 60 });
  });

  it('reads what lies there whole within its period, so that a place that serves garbage is found', async () => {
    const blobs = await fill(10);
    await Promise.all(blobs.map(async (path) => writeFile(path, randomBytes((await readFile(path)).length))));
    expect(await daily()).toMatchObject({ damaged: 1 });
    await database.query(`update blobs set proved_at = now() - interval '31 days' where connection = $1`, [connection]);
    expect(await daily()).toMatchObject({ damaged: 9 });
  });
});

describe('a place that was wiped', () => {
  const forgetFolder = async () => {
    for (const name of await readdir(vault)) await rm(join(vault, name), { recursive: true });
  };
  const alarms = async () => {
    const { rows } = await database.query(
      `select action from audit_inbox where subject = $1
      union all select action from audit_chain where subject = $1`,
      [connection],
    );
    return rows.map(({ action }) => action).filter((action) => /^connection.(wiped|scrubbed|alarm)$/.test(action));
  };

  it.each([
    ['its folder', forgetFolder],
    [
      'the marker and all pieces',
      async () => {
        const [ours] = await readdir(vault);
        await rm(join(vault, ours!), { recursive: true });
        await mkdir(join(vault, ours!));
      },
    ],
  ])('has all its pieces missing at once, and takes new ones again: %s', async (_what, lose) => {
    const blobs = await fill(25);
    await lose();
    expect(await scrub()).toMatchObject({ missing: 25, damaged: 0 });
    expect(await faults()).toEqual({ missing: named(blobs), damaged: [] });
    expect(new Set(await alarms())).toEqual(new Set(['connection.wiped', 'connection.scrubbed']));
    expect(await shown()).toMatchObject({ status: expect.stringMatching(/healthy|degraded/) });
    expect((await admin.put(`after-${places}`, randomBytes(1000))).status).toBe(201);
    expect((await admin.get(`after-${places}`)).status).toBe(200);
  });

  it('keeps what is still there where only the marker is gone', async () => {
    const blobs = await fill(10);
    const [ours] = await readdir(vault);
    await unlink(join(vault, ours!, 'marker'));
    await unlink(blobs[3]!);
    expect(await scrub()).toMatchObject({ missing: 1, damaged: 0 });
    expect(await readdir(join(vault, ours!))).toContain('marker');
    expect((await admin.put(`after-${places}`, randomBytes(1000))).status).toBe(201);
  });

  it('is believed to be so by a daily look only when a second one finds the same a minute later', async () => {
    await fill(5);
    await forgetFolder();
    const id = await scrubbing.dailyBegun(connection);
    const waits = async () =>
      (
        await database.query(
          `select state, extract(epoch from next_at - now()) > 40 as long from jobs where ids ->> 'connection' = $1`,
          [connection],
        )
      ).rows[0];
    while ((await waits()).long !== true) await pause(10);
    expect(await faults()).toEqual({ missing: [], damaged: [] });
    await database.query(`update scrubs set unmarked_at = now() - interval '61 seconds' where connection = $1`, [
      connection,
    ]);
    expect(await scrubbing.ended(id)).toMatchObject({ state: 'done' });
    expect((await faults())['missing']).toHaveLength(5);
  });

  it('is not believed to be so when it was gone twice for a moment', async () => {
    await fill(5);
    await cp(vault, `${vault}.copy`, { recursive: true });
    const job = inside(gateway, ScrubJob);
    const { turnMs } = job;
    // It looks at the place, and puts off everything else.
    job.turnMs = -1;
    try {
      const id = await scrubbing.dailyBegun(connection);
      let attempts = 0;
      /** What the next attempt has left behind. */
      const attempt = async (): Promise<unknown> => {
        const text = `select s.place, unmarked_at is not null as unmarked, j.token from jobs j
          join scrubs s on s.connection = $2 where j.id = $1 and j.state = 'waiting' and j.token > $3`;
        for (;;) {
          await database.query(`update jobs set next_at = now() - interval '1 minute' where id = $1`, [id]);
          await inside(gateway, Worker).recover();
          const { rows } = await database.query(text, [id, connection, attempts]);
          if (rows.length > 0) {
            const { token, ...left } = rows[0];
            attempts = Number(token);
            return left;
          }
          await pause(10);
        }
      };
      expect(await attempt()).toEqual({ place: 'whole', unmarked: false });
      await forgetFolder();
      while (((await attempt()) as { unmarked: boolean }).unmarked !== true);
      await database.query(`update scrubs set unmarked_at = now() - interval '10 minutes' where connection = $1`, [
        connection,
      ]);
      await cp(`${vault}.copy`, vault, { recursive: true });
      await attempt();
      expect(await attempt()).toEqual({ place: 'whole', unmarked: false });
      await forgetFolder();
      await attempt();
      expect(await attempt()).toEqual({ place: 'whole', unmarked: true });
      expect(await faults()).toEqual({ missing: [], damaged: [] });
      await cp(`${vault}.copy`, vault, { recursive: true });
      job.turnMs = turnMs;
      await scrubbing.ended(id);
    } finally {
      job.turnMs = turnMs;
    }
  });

  it('is filled again from the others, where these suffice, by the repair that its scrub asks for', async () => {
    const made = [{ path: vault, id: connection }];
    for (const nth of [1, 2]) {
      const path = `${vault}-${nth}`;
      await mkdir(path);
      const form = { label: 'beside', path, house: true, domain: `beside ${places} ${nth}` };
      const { id } = (await admin.json('POST', '/api/cloud/connections/local', form)).json<{ id: string }>();
      made.push({ path, id });
    }
    await admin.spread(2, 1, made);
    const bytes = randomBytes(8 * CHUNK);
    expect((await admin.put(`shards-${places}`, bytes)).status).toBe(201);
    await forgetFolder();
    expect(await scrub()).toMatchObject({ missing: 8 });
    const standing = async () => {
      await database.query(`update jobs set next_at = now() - interval '1 minute' where state = 'waiting'`);
      await inside(gateway, Worker).recover();
      const { rows } = await database.query(
        'select count(*)::int as there from standing_shards where connection = any ($1)',
        [made.map(({ id }) => id)],
      );
      return rows[0].there as number;
    };
    await expect.poll(standing, { timeout: 20_000, interval: 50 }).toBe(24);
    for (const { path } of made.slice(1)) await rm(path, { recursive: true });
    expect((await blobsOnDisk(vault)).size).toBe(8);
    expect(await scrub()).toMatchObject({ missing: 0, damaged: 0 });
  });

  it('is not taken for wiped when another disk lies there, until its owner says that it is lost', async () => {
    const blobs = await fill(5);
    const other = await mkdtemp('/dev/shm/tessera-other-disk-');
    try {
      await rename(vault, `${vault}.away`);
      await symlink(other, vault);
      const { id } = await scrubbing.ask(connection);
      const error = async () => (await scrubbing.job(id)).error;
      await expect.poll(error, { timeout: 20_000 }).toMatch(/another disk/i);
      expect(await faults()).toEqual({ missing: [], damaged: [] });
      expect(await readdir(other)).toEqual([]);

      await unlink(vault);
      await rename(`${vault}.away`, vault);
      expect(await scrubbing.ended(id)).toMatchObject({ state: 'done' });
      expect(await scrubbing.last(connection)).toMatchObject({ read: 5, missing: 0 });

      await rename(vault, `${vault}.away`);
      await symlink(other, vault);
      const { domain } = await shown();
      const said = await admin.send(`/api/cloud/connections/${connection}/lost`, { method: 'POST' });
      expect(await scrubbing.ended(said.json<{ job: Job }>().job.id)).toMatchObject({ state: 'done' });
      expect(await faults()).toEqual({ missing: named(blobs), damaged: [] });
      expect((await admin.put(`after-${places}`, randomBytes(1000))).status).toBe(201);
      expect((await blobsOnDisk(other)).size).toBe(1);
      expect((await shown()).domain).not.toBe(domain);
    } finally {
      await rm(other, { recursive: true });
    }
  });

  it('is not taken for wiped where it is not certain to be the same place', async () => {
    await fill(5);
    await forgetFolder();
    await database.query(`update connections set marked_on = null where id = $1`, [connection]);
    const { id } = await scrubbing.ask(connection);
    await expect.poll(async () => (await scrubbing.job(id)).error).toMatch('its owner has to say so');
    // Whoever asks again is told of the same, however often: nothing was looked at yet.
    expect((await scrubbing.ask(connection)).id).toBe(id);
    expect(await faults()).toEqual({ missing: [], damaged: [] });
    expect(await readdir(vault)).toEqual([]);
  });
});

describe('what belongs to nobody', () => {
  const stray = async (name = newBlobName()) => {
    const [path] = [...(await blobsOnDisk(vault)).values()];
    const shelf = join(dirname(dirname(path!)), name.slice(0, 2));
    await mkdir(shelf, { recursive: true });
    await writeFile(join(shelf, name), 'left behind');
    return join(shelf, name);
  };

  it('is swept when two looks have shown it, an hour apart, and nothing else is', async () => {
    const blobs = await fill(10);
    const paths = [await stray(), await stray()];
    await writeFile(join(vault, 'mine.txt'), 'not yours');
    await writeFile(join(dirname(dirname(paths[0]!)), 'odd.txt'), 'not yours');
    expect(await scrub()).toMatchObject({ unknown: 2, swept: 0 });
    expect(await scrub()).toMatchObject({ unknown: 2, swept: 0 });
    await scrubbing.hoursPass(2);
    paths.push(await stray());
    expect(await scrub()).toMatchObject({ unknown: 3, swept: 2, missing: 0 });
    expect([...(await blobsOnDisk(vault)).values()].toSorted()).toEqual([...blobs, paths[2]!].toSorted());
    expect(await readFile(join(dirname(dirname(paths[0]!)), 'odd.txt'), 'utf8')).toBe('not yours');
    await unlink(paths[2]!);
    await scrubbing.hoursPass(2);
    expect(await scrub()).toMatchObject({ unknown: 0, swept: 0 });
    expect((await database.query('select 1 from strays where connection = $1', [connection])).rows).toEqual([]);
  });

  it('is what no row knows, whatever its state', async () => {
    await fill(4);
    for (const state of ['intended', 'condemned', 'gone']) {
      const path = await stray();
      await database.query(
        `insert into blobs (account, id, connection, name, length, state) values
         (gen_random_uuid(), gen_random_uuid(), $1, $2, 11, $3)`,
        [connection, path.slice(-26), state],
      );
    }
    await scrub();
    await scrubbing.hoursPass(2);
    expect(await scrub()).toMatchObject({ unknown: 0, swept: 0 });
    await database.query(`delete from blobs where connection = $1 and state <> 'live'`, [connection]);
  });

  it.each([
    ['another gateway’s', { gateway: randomUUID() }],
    ['another connection’s', { connection: randomUUID() }],
    ['newer than what this database has written', { sequence: 1 }],
  ])('stays, and an alarm is raised, where the marker is %s', async (_whose, change) => {
    await fill(4);
    await stray();
    await scrub();
    await scrubbing.hoursPass(2);
    const { rows } = await database.query<{ gateway: string; at: string }>(
      `select (select id from installation) as gateway, coalesce(marking_sequence, 0) as at from connections where id = $1`,
      [connection],
    );
    const { gateway: id, at } = rows[0]!;
    const marker = { gateway: id, connection, sequence: 0, ...change };
    // Not beyond what the database's sequence has reached meanwhile: it is newer than any that was written there.
    if ('sequence' in change) marker.sequence = Number(at) + 1;
    const [ours] = await readdir(vault);
    const keys = inside(gateway, RootKeyring);
    await writeFile(join(vault, ours!, 'marker'), sealMarker(keys.current.markerSeal, marker));
    expect(await scrub()).toMatchObject({ swept: 0, missing: 0, damaged: 0 });
    expect((await blobsOnDisk(vault)).size).toBe(5);
    const { rows: alarm } = await database.query(`select alarm from connections where id = $1`, [connection]);
    expect(alarm[0].alarm).toMatch(/another gateway|restored/);
    await daily().catch(() => {});
    expect((await blobsOnDisk(vault)).size).toBe(5);
  });
});

describe('a look through a connection', () => {
  it('is for its owner, and for admins where it is the house’s', async () => {
    const { id, token } = await newPerson(gateway, admin.token, ['user']);
    using person = new Client(gateway, token);
    for (const [method, path] of [
      ['POST', 'scrub'],
      ['GET', 'scrub'],
      ['POST', 'lost'],
    ]) {
      expect((await person.send(`/api/cloud/connections/${connection}/${path}`, { method })).status).toBe(403);
      expect((await person.send(`/api/cloud/connections/${randomUUID()}/${path}`, { method })).status).toBe(404);
    }
    await database.query(
      `update connections set account = (select id from accounts where id <> $2 limit 1) where id = $1`,
      [connection, id],
    );
    expect((await person.send(`/api/cloud/connections/${connection}/scrub`, { method: 'POST' })).status).toBe(404);
    const odd = await admin.send(`/api/cloud/connections/${connection}/scrub?reads=none`, { method: 'POST' });
    expect(odd.status).toBe(422);
  });

  it('that is begun anew ends when the newer one has', async () => {
    await fill(5);
    const jobs: string[] = [];
    for (const reads of ['sample', 'needed', 'all']) jobs.push((await scrubbing.ask(connection, `?reads=${reads}`)).id);
    expect(new Set(jobs).size).toBe(3);
    for (const id of jobs) expect(await scrubbing.ended(id)).toMatchObject({ state: 'done' });
    expect(await scrubbing.last(connection)).toMatchObject({ read: 5, endedAt: expect.any(String) });
  });
});
