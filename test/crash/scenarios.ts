import { createHash, randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import type { Client, Received, Sent } from '../support/client.js';
import { CHUNK } from './site.js';
import { FOLDER, type Tree } from './tree.js';

/** What is there before each run. */
export const BEFORE = {
  'kept/two-chunks': randomBytes(CHUNK + 1000),
  'kept/empty': Buffer.alloc(0),
  'kept/versions': randomBytes(500),
  overwritten: randomBytes(CHUNK + 5000),
  file: randomBytes(1000),
  'folder/inner/deep': randomBytes(2000),
  'folder/beside': randomBytes(10),
} as const;

/** Made and deleted before each run: in a folder that is in the trash too. */
const TRASHED = { path: 'gone/with-the-folder', bytes: randomBytes(3000) };

export interface Prepared {
  /** The deleted folder's id. */
  readonly trashed: string;
  /** By path, of what is there to be deleted. */
  readonly ids: Readonly<Record<string, string>>;
}

export async function prepare(client: Client): Promise<Prepared> {
  await expectStatus(client.put('kept/versions', randomBytes(CHUNK + 1)), 201);
  for (const [path, bytes] of Object.entries(BEFORE)) await expectStatus(client.put(path, bytes), 200, 201);
  await expectStatus(client.makeFolder('folder/empty'), 201);
  await expectStatus(client.put(TRASHED.path, TRASHED.bytes), 201);
  const idOf = async (path: string) => (await client.tree(path)).json<{ id: string }>().id;
  const ids = { file: await idOf('file'), folder: await idOf('folder') };
  const trashed = await idOf('gone');
  await expectStatus(client.remove('gone'), 204);
  return { trashed, ids };
}

/** Two more vaults that fail apart, for chunks in three shards. */
export async function connectPlaces(client: Client, folder: string): Promise<void> {
  for (const label of ['first', 'second']) {
    const path = join(folder, label);
    await mkdir(path, { recursive: true });
    const request = { label, path, house: true, domain: label };
    await expectStatus(client.json('POST', '/api/cloud/connections/local', request), 201);
  }
}

export async function expectStatus(answer: Promise<Received>, ...wanted: number[]): Promise<Received> {
  const received = await answer;
  if (!wanted.includes(received.status)) throw new Error(`${received.status}: ${received.body.toString('utf8')}`);
  return received;
}

export interface Scenario {
  readonly name: string;
  /** One request. */
  run(client: Client, headers: OutgoingHttpHeaders, prepared: Prepared): Promise<Received>;
  /** The tree that the request makes of another. */
  change(tree: Tree): void;
  /** What the same request is answered once more, after it was done. */
  readonly again: number;
  /** The path of what is then in the trash, whole. */
  readonly deleted?: string;
  /** What its client does when it was killed; answers complaints. The tree is then as if it had not been. */
  goOn?(client: Client, databaseUrl: string): Promise<string[]>;
}

function upload(name: string, path: string, bytes: Buffer, body: () => Sent['body'] = () => bytes): Scenario {
  return {
    name,
    run: (client, headers) => client.put(path, body(), headers),
    change(tree) {
      addFolders(tree, path);
      tree.set(path, digest(bytes));
    },
    again: 200,
  };
}

/** The same with each chunk in shards on three vaults. */
function spreadUpload(name: string, path: string, bytes: Buffer): Scenario {
  const usual = upload(name, path, bytes);
  const spread = { data: 2, parity: 1 };
  return {
    ...usual,
    async run(client, headers, prepared) {
      await expectStatus(client.json('PATCH', '/api/users/me/default-storage', spread), 200);
      return usual.run(client, headers, prepared);
    },
  };
}

function move(name: string, from: string, to: string): Scenario {
  const body = JSON.stringify({ path: to });
  return {
    name,
    run: (client, headers) =>
      client.send(`/api/tree/${from}`, {
        method: 'PATCH',
        body,
        headers: { ...headers, 'Content-Type': 'application/json' },
      }),
    change(tree) {
      addFolders(tree, to);
      for (const [path, what] of [...tree]) {
        if (path !== from && !path.startsWith(`${from}/`)) continue;
        tree.delete(path);
        tree.set(to + path.slice(from.length), what);
      }
    },
    again: 404,
  };
}

function remove(name: string, path: string): Scenario {
  return {
    name,
    run: (client, headers) => client.remove(path, headers),
    change(tree) {
      for (const below of [...tree.keys()]) if (below === path || below.startsWith(`${path}/`)) tree.delete(below);
    },
    again: 404,
    deleted: path,
  };
}

const several = randomBytes(3 * CHUNK + 12_345);
const streamed = randomBytes(2 * CHUNK + 777);

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

export const SCENARIOS: readonly Scenario[] = [
  upload('an upload of several chunks into new folders', 'new/folder/large', several),
  spreadUpload('an upload of several chunks in shards', 'new/folder/spread', several),
  upload('an upload of one chunk', 'small', randomBytes(5000)),
  upload('an upload of nothing', 'nothing', Buffer.alloc(0)),
  upload('an upload of unknown length', 'streamed', streamed, () => pieces(streamed)),
  upload('an overwrite with several chunks', 'overwritten', randomBytes(2 * CHUNK)),
  upload('an overwrite with one chunk', 'kept/versions', randomBytes(100)),
  move('the move of a file', 'file', 'new/folder/moved'),
  move('the move of a folder', 'folder', 'kept/folder'),
  remove('the deletion of a file', 'file'),
  remove('the deletion of a folder', 'folder'),
  {
    name: 'a restore',
    run: (client, headers, { trashed }) => client.send(`/api/trash/${trashed}/restore`, { method: 'POST', headers }),
    change(tree) {
      addFolders(tree, TRASHED.path);
      tree.set(TRASHED.path, digest(TRASHED.bytes));
    },
    again: 404,
  },
  {
    name: 'a new folder in new folders',
    run: (client, headers) =>
      client.send('/api/tree/made/by/me', {
        method: 'POST',
        body: '{"type":"folder"}',
        headers: { ...headers, 'Content-Type': 'application/json' },
      }),
    change(tree) {
      addFolders(tree, 'made/by/me/x');
    },
    again: 409,
  },
];

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function addFolders(tree: Tree, path: string): void {
  const names = path.split('/');
  for (let depth = 1; depth < names.length; depth += 1) tree.set(names.slice(0, depth).join('/'), FOLDER);
}
