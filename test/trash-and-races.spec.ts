import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { intruder } from './support/inside.js';
import { rawConnection, statusOf } from './support/raw.js';
import { signIn } from './support/people.js';

let gateway: TestGateway;
let client: Client;
beforeAll(async () => {
  gateway = await startGateway();
  client = new Client(gateway, await signIn(gateway));
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
});

interface Listed {
  readonly items: { id: string; type: string; name: string; path: string; size?: number; trashedAt: string }[];
  readonly nextCursor?: string;
}
const idOf = async (path: string) => (await client.tree(path)).json<{ id: string }>().id;

describe('a name that somebody else makes between the look and the taking', () => {
  /** Somebody else's transaction makes the name, and commits once ours waits for it. */
  async function whileTaken<T>(name: string, change: () => Promise<T>): Promise<T> {
    await using other = await intruder(gateway);
    await using watcher = await intruder(gateway);
    const root = (await client.tree('')).json<{ id: string }>().id;
    await other.query('begin');
    await other.query(
      `insert into nodes (account, id, parent, kind, name, name_key)
       values ($1, gen_random_uuid(), $1, 'folder', $2, $2)`,
      [root, name],
    );
    const changed = change();
    const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    while ((await watcher.query(waiting)).rowCount === 0);
    await other.query('commit');
    return changed;
  }

  it('is refused to a move as taken', async () => {
    await client.put('moving', 'x');
    const answer = await whileTaken('race-1', () => client.move('moving', 'race-1'));
    expect([answer.status, answer.type]).toEqual([409, 'exists']);
    expect((await client.get('moving')).status).toBe(200);
  });

  it('is refused to a restore as taken', async () => {
    const { id } = (await client.put('race-2', 'x')).json<{ id: string }>();
    await client.remove('race-2');
    const answer = await whileTaken('race-2', () => client.restore(id));
    expect([answer.status, answer.type]).toEqual([409, 'exists']);
  });
});

describe('an address', () => {
  it('that is whole names the same file as its path, and never the top folder', async () => {
    await client.put('whole', 'bytes');
    using raw = await rawConnection(gateway);
    const headers = `Host: x\r\nAuthorization: Bearer ${client.token}\r\nConnection: close\r\n\r\n`;
    await raw.write(`GET ${gateway.url}/api/tree/whole HTTP/1.1\r\n${headers}`);
    const answer = await raw.end();
    expect([statusOf(answer), /"path":"([^"]*)"/.exec(answer)?.[1]]).toEqual([200, 'whole']);
  });

  it.each(['/API/tree/whole', '/api/Tree/whole', '/Api/tree'])('%s is none of ours', async (path) => {
    expect((await client.send(path)).status).toBe(404);
  });
});

it('a moved folder’s answer is the record that the tree shows from then on', async () => {
  await client.makeFolder('old-name');
  const moved = await client.move('old-name', 'new-name');
  const { items: _, ...shown } = (await client.tree('new-name')).json();
  expect(moved.json()).toEqual(shown);
});

describe('the trash', () => {
  const all = async (limit: number) => {
    const pages: Listed[] = [];
    for (let cursor: string | undefined = ''; cursor !== undefined; cursor = pages.at(-1)!.nextCursor) {
      const query = cursor === '' ? '' : `&cursor=${cursor}`;
      const answer = await client.send(`/api/trash?limit=${limit}${query}`);
      expect(answer.status).toBe(200);
      pages.push(answer.json<Listed>());
    }
    return pages;
  };

  it('shows what was thrown away, newest first, page by page, a folder as one', async () => {
    const before = (await all(100)).flatMap(({ items }) => items.map(({ id }) => id));
    await client.put('bin/folder/below', 'x');
    await client.put('bin/file%20%C3%A9', '12345');
    const [folder, file] = [await idOf('bin/folder'), await idOf('bin/file%20%C3%A9')];
    await client.remove('bin/folder');
    await client.remove('bin/file%20%C3%A9');
    const pages = await all(1);
    expect(pages.map(({ items }) => items.length)).toEqual(pages.map(() => 1));
    const items = pages.flatMap((page) => page.items);
    const trashedAt = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(items.slice(0, 2)).toEqual([
      { id: file, type: 'file', name: 'file é', path: 'bin/file%20%C3%A9', size: 5, trashedAt, daysLeft: 30 },
      { id: folder, type: 'folder', name: 'folder', path: 'bin/folder', trashedAt, daysLeft: 30 },
    ]);
    expect(items.slice(2).map(({ id }) => id)).toEqual(before);
    await client.restore(file);
    expect((await all(100)).flatMap((page) => page.items.map(({ id }) => id))).toEqual([folder, ...before]);
  });

  it.each(['nonsense', Buffer.from('2026-01-01 x').toString('base64url')])('refuses the cursor %s', async (cursor) => {
    const answer = await client.send(`/api/trash?cursor=${cursor}`);
    expect([answer.status, answer.type]).toEqual([400, 'bad-name']);
  });
});
