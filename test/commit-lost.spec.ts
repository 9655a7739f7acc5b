import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { complaints, timePasses } from './crash/aftermath.js';
import { CHUNK, prepareSite, type PreparedSite, query, startHere } from './crash/site.js';
import { difference, FOLDER, readTree, type Tree } from './crash/tree.js';
import { Client, type Received } from './support/client.js';
import type { TestGateway } from './support/gateway.js';
import { type PostgresProxy, startPostgresProxy } from './support/postgres-proxy.js';

let site: PreparedSite;
let proxy: PostgresProxy;
let gateway: TestGateway;
let client: Client;
beforeAll(async () => {
  site = await prepareSite(async (first) => {
    await first.put('kept', randomBytes(1000));
  });
  proxy = await startPostgresProxy(site.databaseUrl);
  const running = await startHere({ ...site, databaseUrl: proxy.url });
  gateway = { ...running, databaseUrl: site.databaseUrl };
  client = new Client(gateway, site.token);
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
  await proxy?.stop();
  await site?.remove();
});

interface Change {
  readonly name: string;
  /** Made before, undisturbed. */
  prepare?(folder: string): Promise<Received>;
  run(folder: string): Promise<Received>;
  /** What lies in the folder then. */
  readonly result: Readonly<Record<string, string>>;
  readonly before: Readonly<Record<string, string>>;
  /** A statement of the transaction. */
  readonly statement: string;
  /** Whether an unclear outcome is cleared up before the answer. */
  readonly certain: boolean;
}

const bytes = randomBytes(CHUNK + 999);
const other = randomBytes(2000);
const digest = (of: Buffer) => createHash('sha256').update(of).digest('hex');

const CHANGES: readonly Change[] = [
  {
    name: 'an upload',
    run: (folder) => client.put(`${folder}/file`, bytes),
    before: {},
    result: { file: digest(bytes) },
    statement: 'publish-draft',
    certain: true,
  },
  {
    name: 'an overwrite',
    prepare: (folder) => client.put(`${folder}/file`, other),
    run: (folder) => client.put(`${folder}/file`, bytes),
    before: { file: digest(other) },
    result: { file: digest(bytes) },
    statement: 'publish-draft',
    certain: true,
  },
  {
    name: 'an upload of nothing',
    run: (folder) => client.put(`${folder}/file`, ''),
    before: {},
    result: { file: digest(Buffer.alloc(0)) },
    statement: 'publish-empty',
    certain: true,
  },
  {
    name: 'an overwrite with nothing',
    prepare: (folder) => client.put(`${folder}/file`, other),
    run: (folder) => client.put(`${folder}/file`, ''),
    before: { file: digest(other) },
    result: { file: digest(Buffer.alloc(0)) },
    statement: 'publish-empty',
    certain: true,
  },
  {
    name: 'a new folder',
    run: (folder) => client.makeFolder(`${folder}/made`),
    before: {},
    result: { made: FOLDER },
    statement: 'insert-folder',
    certain: false,
  },
  {
    name: 'a move',
    prepare: (folder) => client.put(`${folder}/file`, other),
    run: (folder) => client.move(`${folder}/file`, `${folder}/moved`),
    before: { file: digest(other) },
    result: { moved: digest(other) },
    statement: 'update nodes as n set parent',
    certain: false,
  },
  {
    name: 'a deletion',
    prepare: (folder) => client.put(`${folder}/file`, other),
    run: (folder) => client.remove(`${folder}/file`),
    before: { file: digest(other) },
    result: {},
    statement: 'update nodes set trashed_at',
    certain: false,
  },
];

let folders = 0;
const newFolder = async (change: Change): Promise<string> => {
  const folder = `folder-${(folders += 1)}`;
  await client.makeFolder(folder);
  await change.prepare?.(folder);
  return folder;
};

/** Null where the folder holds what it should, and every other one what it held. */
async function wrongIn(folder: string, wanted: Readonly<Record<string, string>>, before: Tree): Promise<string | null> {
  const tree: Tree = new Map([...before].filter(([path]) => !path.startsWith(`${folder}/`)));
  for (const [name, what] of Object.entries(wanted)) tree.set(`${folder}/${name}`, what);
  return difference(await readTree(client), tree);
}

const isUnclear = (answer: Received) => {
  expect([answer.status, answer.type]).toEqual([503, 'unavailable']);
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
};
const saysUnknown = (answer: Received) => expect(answer.json()['detail']).toMatch(/may have been made, or not/);
const saysNothingWasKept = (answer: Received) => expect(answer.json()['detail']).toMatch(/Nothing of it was kept/);

async function nothingIsLeft() {
  await timePasses(gateway);
  expect(await complaints(gateway)).toEqual([]);
}

describe.each(CHANGES)('$name whose COMMIT', (change) => {
  const COMMIT = 'COMMIT\0';
  const following = { following: change.statement };

  test('never reached the database is not there, and the answer does not say so', async () => {
    const folder = await newFolder(change);
    const before = await readTree(client);
    proxy.cutAt(COMMIT, 'before', following);
    const answer = await change.run(folder);
    expect(proxy.hasCut).toBe(true);
    isUnclear(answer);
    (change.certain ? saysNothingWasKept : saysUnknown)(answer);
    expect(await wrongIn(folder, change.before, before)).toBeNull();
    await nothingIsLeft();
    expect((await change.run(folder)).status).toBeLessThan(300);
    expect(await wrongIn(folder, change.result, before)).toBeNull();
    await nothingIsLeft();
  });

  test('was carried out, but not heard of, is there once', async () => {
    const folder = await newFolder(change);
    const before = await readTree(client);
    proxy.cutAt(COMMIT, 'after', following);
    const answer = await change.run(folder);
    expect(proxy.hasCut).toBe(true);
    if (change.certain) expect(answer.status).toBeLessThan(300);
    else {
      isUnclear(answer);
      saysUnknown(answer);
    }
    expect(await wrongIn(folder, change.result, before)).toBeNull();
    await nothingIsLeft();
    expect(await wrongIn(folder, change.result, before)).toBeNull();
  });

  if (change.certain) {
    test('is carried out only while we ask about it is waited for', async () => {
      const folder = await newFolder(change);
      const before = await readTree(client);
      const { held, letGo } = proxy.holdAt(COMMIT, following);
      const answering = change.run(folder);
      await held;
      const waiting =
        'select 1 from pg_locks l join pg_stat_activity a using (pid) where datname = current_database() and not granted';
      while ((await query(site.databaseUrl, waiting)).length === 0) await pause(5);
      letGo();
      expect((await answering).status).toBeLessThan(300);
      expect(await wrongIn(folder, change.result, before)).toBeNull();
      await nothingIsLeft();
    });
  }
});

describe('an upload of which another answer of the database is lost', () => {
  const STATEMENTS = [
    ['the first intent', 'open-draft'],
    ['a later intent', 'add-chunk'],
    ['the room in the quota', 'insert into quota_slabs'],
    ['the publication', 'publish-draft'],
    ['the file', 'insert-file'],
  ] as const;
  const WHEN = ['before', 'after'] as const;

  test.each(STATEMENTS.flatMap(([name, text]) => WHEN.map((when) => [name, when, text] as const)))(
    '%s, %s it was carried out, is refused, and leaves nothing',
    async (_name, when, text) => {
      const before = await readTree(client);
      proxy.cutAt(text, when);
      const answer = await client.put('lost', bytes);
      expect(proxy.hasCut).toBe(true);
      isUnclear(answer);
      expect(difference(await readTree(client), before)).toBeNull();
      await nothingIsLeft();
      expect((await client.put('lost', bytes)).status).toBe(201);
      expect((await client.get('lost')).body.equals(bytes)).toBe(true);
      expect((await client.remove('lost')).status).toBe(204);
      await nothingIsLeft();
    },
  );

  test.each(['before', 'after'] as const)('the COMMIT of room in the quota, %s it was carried out', async (when) => {
    await nothingIsLeft();
    proxy.cutAt('COMMIT\0', when, { following: 'insert into quota_slabs' });
    const answer = await client.put('lost', bytes);
    expect(proxy.hasCut).toBe(true);
    isUnclear(answer);
    expect((await client.get('lost')).status).toBe(404);
    await nothingIsLeft();
  });
});
