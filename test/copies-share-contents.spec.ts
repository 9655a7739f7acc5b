import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { usedBytes } from '../src/contents/index.js';
import { Database } from '../src/database/index.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder, vaultOf } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';
import { difference } from './crash/tree.js';

let gateway: TestGateway;
let client: Client;
let account: string;
beforeAll(async () => {
  gateway = await startGateway();
  client = new Client(gateway, await signIn(gateway));
  account = (await client.tree('')).json<{ id: string }>().id;
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
});

interface Record {
  readonly id: string;
  readonly version: string;
  readonly sha256: string;
  readonly modifiedAt: string;
  readonly contentType: string;
}
const copy = (from: string, to: string) => client.json('POST', '/api/copy', { from, to });
const record = async (path: string) => (await client.tree(path)).json<Record>();
const kept = async () => ({
  blobs: (await blobsOnDisk(vaultOf(gateway))).size,
  used: await usedBytes(inside(gateway, Database), account),
});

describe('a copy of a file', () => {
  it('is a file of its own that holds the same bytes, and takes no room', async () => {
    const bytes = randomBytes(300_000);
    await client.put('one', bytes, { 'Content-Type': 'image/x-odd', 'X-OC-Mtime': '1000000000' });
    const before = await kept();
    const made = await copy('one', 'deep/er/two');
    expect(made.status).toBe(201);
    expect(await kept()).toEqual(before);
    const [one, two] = [await record('one'), await record('deep/er/two')];
    expect(made.json()).toEqual(two);
    expect(two).toMatchObject({ sha256: one.sha256, contentType: one.contentType, modifiedAt: one.modifiedAt });
    expect([two.id, two.version]).not.toContain(one.id);
    expect(two.version).not.toBe(one.version);
    expect((await client.get('deep/er/two')).body.equals(bytes)).toBe(true);
  });

  it('stays as it was when the original is written over or thrown away', async () => {
    await client.put('original', 'first');
    await copy('original', 'copy');
    await client.put('original', 'second');
    expect((await client.get('copy')).body.toString()).toBe('first');
    await client.remove('original');
    expect((await client.get('copy')).body.toString()).toBe('first');
    await copy('copy', 'copy of the copy');
    expect((await client.get('copy%20of%20the%20copy')).body.toString()).toBe('first');
  });

  it('has a seal of its own: a row that names another content opens nothing', async () => {
    await client.put('a', 'aaaa');
    await client.put('b', 'bbbb');
    await copy('a', 'c');
    await using other = await intruder(gateway);
    const change = `update versions set content = (select content from versions where id = $2) where id = $1`;
    await other.query(change, [(await record('c')).version, (await record('b')).version]);
    expect((await client.get('c')).status).toBe(502);
    expect((await copy('c', 'd')).status).toBe(502);
    expect((await client.get('a')).status).toBe(200);
  });
});

describe('a copy of a folder', () => {
  it('holds all that the folder held, over many levels and pages', async () => {
    const paths = Array.from({ length: 450 }, (_, index) => `many/${index % 3}/${index % 7}/${index}`);
    for (let at = 0; at < paths.length; at += 50) {
      await Promise.all(paths.slice(at, at + 50).map((path) => client.put(path, path)));
    }
    await client.makeFolder('many/empty');
    const wide = Array.from({ length: 210 }, (_, index) => `many/wide/${index}`);
    for (const path of wide) await client.makeFolder(path);
    await client.put('many/gone', 'x');
    await client.remove('many/gone');
    const before = await kept();
    expect((await copy('many', 'same')).status).toBe(201);
    expect(await kept()).toEqual(before);
    expect(difference(await wholeTree('same'), await wholeTree('many'))).toBeNull();
  });

  const wholeTree = async (folder: string) => {
    const tree = new Map<string, string>();
    const children = await client.send(`/api/tree/${folder}?limit=1000`);
    for (const item of children.json<{ items: { type: string; name: string; path: string; sha256: string }[] }>()
      .items) {
      if (item.type === 'file') tree.set(item.name, item.sha256);
      else
        for (const [path, what] of (await wholeTree(item.path)).set('', 'folder'))
          tree.set(`${item.name}/${path}`, what);
    }
    return tree;
  };
});

describe('copying is refused', () => {
  it.each<[string, string, string, number, string]>([
    ['onto what is there', 'here', 'there', 409, 'exists'],
    ['onto itself', 'here', 'here', 409, 'conflict'],
    ['a folder into itself', 'folder', 'folder/below', 409, 'conflict'],
    ['the top folder into the tree', '', 'all', 409, 'conflict'],
    ['onto the top folder', 'here', '', 409, 'exists'],
    ['below a file', 'here', 'there/below', 409, 'not-a-folder'],
    ['what is not there', 'nowhere', 'somewhere', 404, 'not-found'],
    ['by a name that is none', 'here', 'a/../b', 400, 'bad-name'],
  ])('%s', async (_, from, to, status, type) => {
    await client.put('here', 'h');
    await client.put('there', 't');
    await client.put('folder/file', 'f');
    const answer = await copy(from, to);
    expect([answer.status, answer.type]).toEqual([status, type]);
    expect((await client.get('there')).body.toString()).toBe('t');
  });

  it('of somebody else’s file, as of what does not exist', async () => {
    await client.put('mine', 'm');
    const stranger = await newPerson(gateway, client.token, ['user']);
    using theirs = new Client(gateway, stranger.token);
    expect((await theirs.json('POST', '/api/copy', { from: 'mine', to: 'yours' })).status).toBe(404);
  });
});
