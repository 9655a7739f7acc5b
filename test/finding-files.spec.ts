import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { intruder } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';

let gateway: TestGateway;
let client: Client;
let account: string;
beforeAll(async () => {
  gateway = await startGateway();
  const person = await newPerson(gateway, await signIn(gateway), ['user']);
  account = person.id;
  client = new Client(gateway, person.token);
  const at = (date: string) => ({ 'X-OC-Mtime': String(Date.parse(date) / 1000) });
  const put = async (path: string, size: number, type: string, date: string) => {
    const answer = await client.put(path, Buffer.alloc(size), { 'Content-Type': type, ...at(date) });
    expect(answer.status).toBe(201);
  };
  await put('Photos/Holiday%20in%20Berlin.JPG', 300, 'image/jpeg', '2024-05-01');
  await put('Photos/holiday.png', 200, 'image/png', '2024-06-01');
  await put('Papers/Caf%C3%A9%20menu.txt', 10, 'text/plain; charset=utf-8', '2023-01-01');
  await put('Papers/%E6%9D%B1%E4%BA%AC%E3%82%BF%E3%83%AF%E3%83%BC.txt', 20, 'text/plain', '2023-02-01');
  await put('Papers/100%25_sure.txt', 30, 'text/plainer', '2023-03-01');
  await put('Papers/gone.txt', 40, 'text/plain', '2023-04-01');
  await put('Bin/deep/holiday%20lost.txt', 50, 'text/plain', '2023-05-01');
  await client.remove('Papers/gone.txt');
  await client.remove('Bin');
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
});

interface Found {
  readonly items: { path: string }[];
  readonly nextCursor?: string;
}
const search = async (query: Record<string, string | number>) => {
  const text = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])).toString();
  const answer = await client.send(`/api/search?${text}`);
  expect([answer.status, answer.body.toString()]).toEqual([200, expect.anything()]);
  return answer.json<Found>();
};
const found = async (query: Record<string, string | number>) =>
  (await search(query)).items.map(({ path }) => decodeURIComponent(path));

describe('a file is found', () => {
  it.each([
    ['a part of its name, in any case', { name: 'HOLI' }, ['Photos/Holiday in Berlin.JPG', 'Photos/holiday.png']],
    ['one letter', { name: 'j' }, ['Photos/Holiday in Berlin.JPG']],
    ['two letters in another script', { name: '東京' }, ['Papers/東京タワー.txt']],
    ['a letter with an accent, however it is spelled', { name: 'fe\u0301 m' }, ['Papers/Café menu.txt']],
    ['signs that mean something elsewhere', { name: '%_' }, ['Papers/100%_sure.txt']],
    ['what only looks like a pattern', { name: 'h%y' }, []],
    ['a backslash', { name: '\\' }, []],
    ['the beginning of its name', { prefix: 'HOLIDAY ' }, ['Photos/Holiday in Berlin.JPG']],
    ['not the middle of its name', { prefix: 'berlin' }, []],
    ['name and beginning', { name: '.png', prefix: 'hol' }, ['Photos/holiday.png']],
    ['its type', { contentType: 'text/plain' }, ['Papers/東京タワー.txt', 'Papers/Café menu.txt']],
    ['its kind of type', { contentType: 'image/*' }, ['Photos/holiday.png', 'Photos/Holiday in Berlin.JPG']],
    [
      'its size',
      { minSize: 20, maxSize: 200, sort: 'largest' },
      ['Photos/holiday.png', 'Papers/100%_sure.txt', 'Papers/東京タワー.txt'],
    ],
    [
      'its time',
      { modifiedAfter: '2023-02-01T00:00:00Z', modifiedBefore: '2024-06-01T00:00:00Z' },
      ['Photos/Holiday in Berlin.JPG', 'Papers/100%_sure.txt', 'Papers/東京タワー.txt'],
    ],
    ['name and size', { name: 'holi', minSize: 250 }, ['Photos/Holiday in Berlin.JPG']],
    [
      'name and time, the newest first',
      { name: 'holi', modifiedAfter: '2024-01-01T00:00:00Z', sort: 'newest' },
      ['Photos/holiday.png', 'Photos/Holiday in Berlin.JPG'],
    ],
    ['what it is', { type: 'folder', sort: 'name' }, ['Papers', 'Photos']],
    ['nothing but that it changed lately', { limit: 2 }, ['Photos/holiday.png', 'Photos/Holiday in Berlin.JPG']],
  ])('by %s', async (_, query, paths) => {
    expect(await found(query as unknown as Record<string, string>)).toEqual(paths);
  });

  it('as the record that the tree shows', async () => {
    const [item] = (await search({ name: 'menu' })).items;
    expect(item).toEqual((await client.tree('Papers/Caf%C3%A9%20menu.txt')).json());
  });

  it('by what its newest version is, not by an earlier one', async () => {
    await client.put('changing.bin', Buffer.alloc(7777), { 'Content-Type': 'application/x-old' });
    await client.put('changing.bin', Buffer.alloc(5), { 'Content-Type': 'application/x-new' });
    expect(await found({ minSize: 7777 })).toEqual([]);
    expect(await found({ contentType: 'application/x-old' })).toEqual([]);
    expect(await found({ contentType: 'application/x-new' })).toEqual(['changing.bin']);
    await client.remove('changing.bin');
    expect(await found({ contentType: 'application/x-new' })).toEqual([]);
  });
});

it('whose name somebody else has is not found', async () => {
  using other = new Client(gateway, (await newPerson(gateway, await signIn(gateway), ['user'])).token);
  for (const query of ['name=holiday', 'prefix=hol', 'contentType=image/*', '']) {
    expect((await other.send(`/api/search?${query}`)).json<Found>().items).toEqual([]);
  }
});

it.each([
  ['name=', 422],
  ['minSize=-1', 422],
  ['modifiedAfter=yesterday', 422],
  ['cursor=nonsense', 400],
  [`cursor=${Buffer.from('name 01890000-0000-7000-8000-000000000000 x').toString('base64url')}&sort=newest`, 400],
  ...['x', '2026-02-30 10:00:00+00', '2026-13-45 10:00:00+00', '2026-02-28 24:60:00+00', '2026-02-28 10:00:00+99'].map(
    (key): [string, number] => {
      return [`cursor=${Buffer.from(`newest 01890000-0000-7000-8000-000000000000 ${key}`).toString('base64url')}`, 400];
    },
  ),
])('a bad question is refused: %s', async (query, status) => {
  expect((await client.send(`/api/search?${query}`)).status).toBe(status);
});

describe('among many', () => {
  const MANY = 12_000;
  beforeAll(async () => {
    await using database = await intruder(gateway);
    await database.query(
      `insert into nodes (account, id, parent, kind, name, name_key)
       select $1, gen_random_uuid(), $1, 'folder', name, name from (
         select case when i % 3 = 0 then 'common ' when i % 4000 = 1 then 'zz rare ' else 'other ' end || i as name
         from generate_series(1, ${MANY}) i) names`,
      [account],
    );
  });

  const all = async (query: Record<string, string | number>) => {
    const paths: string[] = [];
    for (let cursor: string | undefined, first = true; first || cursor; first = false) {
      const page: Found = await search({ ...query, limit: 1000, ...(cursor && { cursor }) });
      paths.push(...page.items.map(({ path }) => path));
      cursor = page.nextCursor;
    }
    return paths;
  };

  it('all that fit are found, once each, in order, page by page, the common and the rare', async () => {
    const common = await all({ name: 'MMON' });
    expect(common.length).toBe(MANY / 3);
    expect(common).toEqual([...new Set(common)].sort());
    expect((await all({ name: 'rare' })).length).toBe(2);
    expect((await all({ prefix: 'other' })).length).toBe(MANY - MANY / 3 - 2);
  });
});
