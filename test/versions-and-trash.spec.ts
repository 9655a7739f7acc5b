import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { usedBytes } from '../src/contents/index.js';
import { Database } from '../src/database/index.js';
import { EraseTrash, TrimVersions } from '../src/files/index.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { Sweep, UpkeepRounds } from '../src/upkeep/index.js';
import { blobsOnDisk, inside, intruder } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';

let gateway: TestGateway;
let admin: string;
let client: Client;
let account: string;
beforeAll(async () => {
  gateway = await startGateway({
    environment: { TESSERA_TRASH_DAYS: '30', TESSERA_VERSIONS_KEPT: '3', TESSERA_VERSION_DAYS: '10' },
  });
  admin = await signIn(gateway);
  // Each test says itself when upkeep comes.
  await inside(gateway, UpkeepRounds).onApplicationShutdown();
});
beforeEach(async () => {
  client?.[Symbol.dispose]();
  const person = await newPerson(gateway, admin, ['user']);
  account = person.id;
  client = new Client(gateway, person.token);
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
});

interface Version {
  readonly version: string;
  readonly number: number;
  readonly newest: boolean;
  readonly size: number;
  readonly sha256: string;
}
interface Trashed {
  readonly id: string;
  readonly daysLeft: number | null;
}
const versionsOf = async (path: string) =>
  (await client.send(`/api/versions/${path}`)).json<{ items: Version[] }>().items;
const numbersOf = async (path: string) => (await versionsOf(path)).map(({ number }) => number);
const restore = (path: string, version: string) => client.json('POST', `/api/versions/${path}`, { restore: version });
const erase = (path: string, version: string) =>
  client.send(`/api/versions/${path}?version=${version}`, { method: 'DELETE' });
const trash = async () => (await client.send('/api/trash')).json<{ items: Trashed[] }>().items;
const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');
const write = async (path: string, ...texts: (string | Buffer)[]) => {
  const versions: string[] = [];
  for (const text of texts) versions.push((await client.put(path, text)).json<{ version: string }>().version);
  return versions;
};

async function count(sql: string, values: unknown[] = [account]): Promise<number> {
  await using database = await intruder(gateway);
  return Number((await database.query(`select count(*) from ${sql}`, values)).rows[0].count);
}
const used = () => usedBytes(inside(gateway, Database), account);
const published = () => count(`contents where account = $1 and state = 'published'`);
/** As if it had happened so many days ago. */
async function daysAgo(days: number, change: 'trashed_at' | 'superseded_at', table: string) {
  await using database = await intruder(gateway);
  await database.query(
    `update ${table} set ${change} = ${change} - make_interval(days => $2) where account = $1 and ${change} is not null`,
    [account, days],
  );
}

describe('the versions of a file', () => {
  it('are listed, the newest first, page by page, and each can be read', async () => {
    const written = await write('a/file', 'one', 'two!', 'three');
    const items = await versionsOf('a/file');
    expect(
      items.map(({ version, number, newest, size, sha256: digest }) => [version, number, newest, size, digest]),
    ).toEqual([
      [written[2], 3, true, 5, sha256('three')],
      [written[1], 2, false, 4, sha256('two!')],
      [written[0], 1, false, 3, sha256('one')],
    ]);
    const first = (await client.send('/api/versions/a/file?limit=2')).json<{ items: Version[]; nextCursor: string }>();
    const rest = await client.send(`/api/versions/a/file?limit=2&cursor=${first.nextCursor}`);
    expect([...first.items, ...rest.json<{ items: Version[] }>().items]).toEqual(items);
    const read = await client.get(`a/file?version=${written[0]}`, { Range: 'bytes=1-' });
    expect([read.status, read.body.toString(), read.headers['etag']]).toEqual([206, 'ne', `"${written[0]}"`]);
    const head = await client.head(`a/file?version=${written[1]}`);
    expect([head.status, head.headers['content-length']]).toEqual([200, '4']);
  });

  it('are restored without a copy of the data, as a new version', async () => {
    const [first, second] = await write('file', 'the first', 'the second');
    const before = [await published(), await used()];
    const answer = await restore('file', first!);
    expect([answer.status, answer.json()['sha256']]).toEqual([200, sha256('the first')]);
    expect((await client.get('file')).body.toString()).toBe('the first');
    expect([await published(), await used()]).toEqual(before);
    expect((await versionsOf('file')).map(({ version, number }) => [version, number])).toEqual([
      [answer.json()['version'], 3],
      [second, 2],
      [first, 1],
    ]);
    expect((await restore('file', answer.json()['version'] as string)).json()).toEqual(answer.json());
    expect(await numbersOf('file')).toEqual([3, 2, 1]);
  });

  it('of another file, or of nobody, are not there', async () => {
    const [theirs] = await write('theirs', 'x');
    await write('file', 'one', 'two');
    const strange = [theirs!, '01890000-0000-7000-8000-000000000000'];
    for (const version of strange) {
      for (const answer of [
        await restore('file', version),
        await erase('file', version),
        await client.get(`file?version=${version}`),
      ]) {
        expect([answer.status, answer.type]).toEqual([404, 'not-found']);
      }
    }
    expect((await client.get('file?version=x')).status).toBe(422);
    expect((await client.send('/api/versions/file', { method: 'DELETE' })).status).toBe(422);
    await client.makeFolder('folder');
    expect((await client.send('/api/versions/folder')).type).toBe('is-folder');
  });

  it('are restored only while the newest one is what the caller thinks', async () => {
    const [first, second] = await write('file', 'one', 'two');
    const body = JSON.stringify({ restore: first });
    const headers = { 'Content-Type': 'application/json', 'If-Match': `"${first}"` };
    const stale = await client.send('/api/versions/file', { method: 'POST', body, headers });
    expect([stale.status, stale.type]).toEqual([412, 'precondition-failed']);
    const fresh = { ...headers, 'If-Match': `"${second}"` };
    expect((await client.send('/api/versions/file', { method: 'POST', body, headers: fresh })).status).toBe(200);
  });

  it('are erased with their bytes and their quota, but the newest one never', async () => {
    const [first, second] = await write('file', randomBytes(1000), randomBytes(500));
    expect(await used()).toBe(1500);
    const refused = await erase('file', second!);
    expect([refused.status, refused.type]).toEqual([409, 'conflict']);
    expect((await erase('file', first!)).status).toBe(204);
    expect(await used()).toBe(500);
    expect(await count(`contents where account = $1 and state = 'erased' and wrapped_key is null`)).toBe(1);
    expect(await count(`blobs where account = $1 and state = 'condemned'`)).toBe(1);
    expect((await client.get(`file?version=${first}`)).status).toBe(404);
    expect((await client.get('file')).body.length).toBe(500);
  });

  it('keep a content that a restored version shares, until the last of them goes', async () => {
    const [first] = await write('file', 'shared', 'other');
    const { version: shared } = (await restore('file', first!)).json<{ version: string }>();
    expect((await erase('file', first!)).status).toBe(204);
    expect((await client.get('file')).body.toString()).toBe('shared');
    await write('file', 'newest');
    expect((await client.get(`file?version=${shared}`)).body.toString()).toBe('shared');
    expect((await erase('file', shared)).status).toBe(204);
    expect(await published()).toBe(2);
  });

  it('beyond the number that is kept are erased by upkeep, the oldest first', async () => {
    await write('file', '1', '2', '3', '4', '5');
    await write('other', 'a', 'b');
    await inside(gateway, TrimVersions).run();
    expect(await numbersOf('file')).toEqual([5, 4, 3]);
    expect(await numbersOf('other')).toEqual([2, 1]);
    await write('file', '6', '7');
    await inside(gateway, TrimVersions).run();
    expect(await numbersOf('file')).toEqual([7, 6, 5]);
    expect([await published(), await used()]).toEqual([5, 5]);
  });

  it('that are older than is kept are erased by upkeep, but a newest one never', async () => {
    await write('file', '1', '2');
    await write('single', 'x');
    await daysAgo(11, 'superseded_at', 'versions');
    await write('file', '3');
    await inside(gateway, TrimVersions).run();
    expect(await numbersOf('file')).toEqual([3, 2]);
    expect(await numbersOf('single')).toEqual([1]);
  });
});

describe('the trash', () => {
  it('gives up one entry for good, with all versions, its quota and its blobs', async () => {
    const [, newest] = await write('gone', randomBytes(700), randomBytes(300));
    await write('kept', 'x');
    await client.remove('gone');
    const [entry] = await trash();
    expect(entry!.daysLeft).toBe(30);
    const vault = `${gateway.dataFolder}/vault`;
    await inside(gateway, Sweep).run();
    const before = (await blobsOnDisk(vault)).size;
    expect((await client.send(`/api/trash/${entry!.id}`, { method: 'DELETE' })).status).toBe(204);
    expect([await trash(), await used()]).toEqual([[], 1]);
    expect((await client.restore(entry!.id)).status).toBe(404);
    expect((await client.send(`/api/trash/${entry!.id}`, { method: 'DELETE' })).status).toBe(404);
    expect(await count('versions where account = $1 and id = $2', [account, newest])).toBe(0);
    await inside(gateway, Sweep).run();
    expect((await blobsOnDisk(vault)).size).toBe(before - 2);
    expect((await client.get('kept')).body.toString()).toBe('x');
  });

  it('does not give up what is not in it', async () => {
    const { id } = (await client.put('file', 'x')).json<{ id: string }>();
    expect((await client.send(`/api/trash/${id}`, { method: 'DELETE' })).status).toBe(404);
    expect((await client.send(`/api/trash/${account}`, { method: 'DELETE' })).status).toBe(404);
    expect((await client.send('/api/trash/nonsense', { method: 'DELETE' })).status).toBe(404);
    expect((await client.get('file')).status).toBe(200);
  });

  it('is emptied whole, deep folders and all', async () => {
    for (const path of ['top/a/b/c/1', 'top/a/b/2', 'top/a/3', 'top/4', 'top/d/e/5']) await write(path, 'old', path);
    await client.makeFolder('top/empty/more');
    await write('single', 'x');
    await write('stays/file', 'y');
    await client.remove('top');
    await client.remove('single');
    expect((await client.send('/api/trash', { method: 'DELETE' })).status).toBe(204);
    expect(await trash()).toEqual([]);
    expect(await count('nodes where account = $1')).toBe(3);
    expect(await count('versions where account = $1')).toBe(1);
    expect([await published(), await used()]).toEqual([1, 1]);
  });

  it('keeps what was thrown away by itself before its folder was, and can put it back', async () => {
    await write('folder/inner/file', 'bytes');
    await write('folder/other', 'x');
    await client.remove('folder/inner/file');
    await client.remove('folder');
    const [folder, file] = await trash();
    expect((await client.send(`/api/trash/${folder!.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await trash()).map(({ id }) => id)).toEqual([file!.id]);
    const back = await client.restore(file!.id);
    expect([back.status, back.json()['path']]).toEqual([200, 'folder/inner/file']);
    expect((await client.get('folder/inner/file')).body.toString()).toBe('bytes');
    expect((await client.tree('')).json<{ items: { name: string }[] }>().items.map(({ name }) => name)).toEqual([
      'folder',
    ]);
  });

  it('is emptied by upkeep of what has lain there for long enough, and of no more', async () => {
    await write('old/file', 'x');
    await write('young', 'y');
    await client.remove('old');
    await daysAgo(31, 'trashed_at', 'nodes');
    await client.remove('young');
    expect((await trash()).map(({ daysLeft }) => daysLeft)).toEqual([30, 0]);
    await inside(gateway, EraseTrash).run();
    expect((await trash()).map(({ daysLeft }) => daysLeft)).toEqual([30]);
    expect(await used()).toBe(1);
  });

  it('is emptied in bounded transactions that may stop anywhere', async () => {
    await client.makeFolder('many');
    await using database = await intruder(gateway);
    const folder = (await client.tree('many')).json<{ id: string }>().id;
    await database.query(
      `insert into nodes (account, id, parent, kind, name, name_key)
       select $1, gen_random_uuid(), $2, 'folder', 'f' || i, 'f' || i from generate_series(1, 1200) i`,
      [account, folder],
    );
    const { id } = (await client.put('many/f7/file', 'x')).json<{ id: string }>();
    await client.remove('many');
    // Somebody holds the file: what is before it goes, the rest waits for another round.
    await database.query('begin');
    await database.query('select 1 from nodes where account = $1 and id = $2 for update', [account, id]);
    const emptied = client.send('/api/trash', { method: 'DELETE' });
    await using watcher = await intruder(gateway);
    const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    while ((await watcher.query(waiting)).rowCount === 0);
    expect(await trash()).toEqual([]);
    expect((await client.restore(folder)).status).toBe(404);
    await database.query('rollback');
    expect((await emptied).status).toBe(204);
    await inside(gateway, EraseTrash).run();
    expect(await count('nodes where account = $1')).toBe(1);
    expect(await count('erasures where account = $1')).toBe(0);
  });
});
