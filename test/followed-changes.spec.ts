import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Changes } from '../src/files/index.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, intruder } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';

let gateway: TestGateway;
let admin: string;
let client: Client;
let account: string;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await signIn(gateway);
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

interface Page {
  readonly items: {
    readonly id: string;
    readonly type: string;
    readonly change: string;
    readonly entry: { path: string; version?: string } | null;
  }[];
  readonly cursor: string;
  readonly more: boolean;
}
const changes = async (query = '') => {
  const answer = await client.send(`/api/changes${query}`);
  expect(answer.status).toBe(200);
  return answer.json<Page>();
};
const xidOf = (cursor: string) => BigInt(Buffer.from(cursor, 'base64url').toString().split('.')[1]!);
/** Other specs write into other databases of the same cluster, and hold everybody's cursor back while they do. */
async function whenPast(): Promise<void> {
  await using database = await intruder(gateway);
  const written = BigInt((await database.query('select pg_current_xact_id()::text as xid')).rows[0].xid);
  while (xidOf((await changes('?from=now')).cursor) <= written);
}
const afterNow = (cursor: string) => changes(`?cursor=${cursor}`);
const after = async (cursor: string) => {
  await whenPast();
  return afterNow(cursor);
};
const now = async () => {
  await whenPast();
  return (await changes('?from=now')).cursor;
};
const shown = ({ items }: Page) => items.map(({ change, entry }) => `${change} ${entry?.path ?? '-'}`);
const idOf = async (path: string) => (await client.tree(path)).json<{ id: string }>().id;

describe('whoever follows', () => {
  it('is told of each thing that happened, with the entry as it is now', async () => {
    const start = await now();
    await client.put('folder/file', 'one');
    await client.put('folder/file', 'two');
    await client.put('other', 'x');
    await client.move('other', 'folder/moved');
    await client.put('thrown', 'x');
    await client.remove('thrown');
    await client.put('back', 'x');
    const back = await idOf('back');
    await client.remove('back');
    await client.restore(back);
    const page = await after(start);
    expect(shown(page)).toEqual([
      'made folder',
      'stored folder/file',
      'moved folder/moved',
      'trashed -',
      'restored back',
    ]);
    const newest = (await client.tree('folder/file')).json<{ version: string }>();
    expect(page.items[1]!.entry).toEqual(newest);
    expect(page.more).toBe(false);
    expect(shown(await after(page.cursor))).toEqual([]);
    await client.send('/api/trash', { method: 'DELETE' });
    expect(shown(await after(page.cursor))).toEqual(['erased -']);
  });

  it('is told of a folder once, whatever lies in it', async () => {
    for (const name of ['a', 'b/c', 'b/d']) await client.put(`top/${name}`, 'x');
    const start = await now();
    await client.move('top', 'elsewhere');
    expect(shown(await after(start))).toEqual(['moved elsewhere']);
    await client.remove('elsewhere');
    await client.send('/api/trash', { method: 'DELETE' });
    expect(shown(await after(start))).toEqual(['erased -']);
  });

  it('gets all of it page by page, and what is remembered without a cursor', async () => {
    for (const name of ['1', '2', '3', '4', '5']) await client.put(name, name);
    await whenPast();
    const paths: string[] = [];
    let page = await changes('?limit=2');
    for (; ; page = await changes(`?limit=2&cursor=${page.cursor}`)) {
      paths.push(...page.items.map(({ entry }) => entry!.path));
      if (!page.more) break;
    }
    expect(paths).toEqual(['1', '2', '3', '4', '5']);
  });

  it('never passes a transaction that still runs, and loses nothing of it', async () => {
    const start = await now();
    await using held = await intruder(gateway);
    await held.query('begin');
    await held.query(
      `insert into nodes (account, id, parent, kind, name, name_key) values ($1, gen_random_uuid(), $1, 'folder', 'held', 'held')`,
      [account],
    );
    await client.put('later', 'x');
    const between = await afterNow(start);
    expect(shown(between)).toEqual([]);
    await held.query('commit');
    expect(shown(await after(between.cursor))).toEqual(['made held', 'stored later']);
  });

  it('is told of what a long transaction did, in its place, when that was rolled back too', async () => {
    const start = await now();
    await using held = await intruder(gateway);
    await held.query('begin');
    await held.query(`update nodes set name = 'x', name_key = 'x' where account = $1 and parent is not null`, [
      account,
    ]);
    await held.query('select pg_current_xact_id()');
    await client.put('later', 'x');
    const between = await afterNow(start);
    expect(shown(between)).toEqual([]);
    await held.query('rollback');
    expect(shown(await after(between.cursor))).toEqual(['stored later']);
  });

  it('sees nothing of anybody else’s', async () => {
    const start = await now();
    using other = new Client(gateway, (await newPerson(gateway, admin, ['user'])).token);
    await other.put('secret', 'x');
    expect(shown(await after(start))).toEqual([]);
    expect(shown(await changes())).toEqual([]);
  });
});

describe('a cursor', () => {
  it.each(['nonsense', Buffer.from('abcdefabcdef.1.x').toString('base64url')])(
    'that is none of ours is refused: %s',
    async (cursor) => {
      const answer = await client.send(`/api/changes?cursor=${cursor}`);
      expect([answer.status, answer.type]).toEqual([400, 'bad-request']);
    },
  );

  const expired = async (cursor: string) => {
    const answer = await client.send(`/api/changes?cursor=${cursor}`);
    expect([answer.status, answer.type]).toEqual([410, 'cursor-expired']);
  };
  const decode = (cursor: string) => Buffer.from(cursor, 'base64url').toString().split('.');

  it('of another cluster, or ahead of this one, is expired', async () => {
    const [feed, xid, seq] = decode(await now());
    await expired(Buffer.from(`abcdefabcdef.${xid}.${seq}`).toString('base64url'));
    await expired(Buffer.from(`${feed}.${BigInt(xid!) + 1_000_000n}.0`).toString('base64url'));
  });

  it('is expired when something after it was forgotten, and a newer one is not', async () => {
    const start = await now();
    await client.put('old', 'x');
    await using database = await intruder(gateway);
    await database.query(`update changes set at = at - interval '31 days' where account = $1`, [account]);
    const fresh = await now();
    await client.put('young', 'x');
    await inside(gateway, Changes).forget();
    await expired(start);
    expect(shown(await after(fresh))).toEqual(['stored young']);
    expect(shown(await changes())).toEqual(['stored young']);
  });

  it('is expired when the database was brought into another cluster, whose numbers begin anew', async () => {
    await client.put('file', 'x');
    await using database = await intruder(gateway);
    await database.query(`update changes set xid = '900000000000' where account = $1`, [account]);
    await database.query(`update change_feed set cluster = 'another', forgotten_until = '900000000000'`);
    await inside(gateway, Changes).onModuleInit();
    const start = await now();
    await client.put('file', 'y');
    expect(shown(await after(start))).toEqual(['stored file']);
    expect(shown(await changes())).toEqual(['stored file']);
  });
});
