import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, type Received } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';

let gateway: TestGateway;
let admin: string;
let client: Client;
let folder: string;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await signIn(gateway);
  folder = await mkdtemp(join(tmpdir(), 'tessera-zip-'));
});
beforeEach(async () => {
  client?.[Symbol.dispose]();
  client = new Client(gateway, (await newPerson(gateway, admin, ['user'])).token);
});
afterAll(async () => {
  client?.[Symbol.dispose]();
  await gateway?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A second reader: by the directory at the end, as programs read. Throws where the archive is not one. */
function entriesOf(zip: Buffer): Map<string, Buffer> {
  const end = zip.length - 22;
  if (zip.readUInt32LE(end) !== 0x06054b50) throw new Error('no end');
  const entries = new Map<string, Buffer>();
  let at = zip.readUInt32LE(end + 16);
  for (let nth = 0; nth < zip.readUInt16LE(end + 10); nth++) {
    expect(zip.readUInt32LE(at)).toBe(0x02014b50);
    const [nameLength, extraLength] = [zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30)];
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    const local = zip.readUInt32LE(at + 42);
    const begin = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const bytes = zip.subarray(begin, begin + zip.readUInt32LE(at + 24));
    expect(crc32(bytes)).toBe(zip.readUInt32LE(at + 16));
    expect(entries.has(name)).toBe(false);
    entries.set(name, bytes);
    at += 46 + nameLength + extraLength;
  }
  expect(at).toBe(end);
  return entries;
}
const namesOf = (answer: Received) => [...entriesOf(answer.body).keys()];
const several = (...paths: string[]) => client.json('POST', '/api/archive', { paths });

describe('an archive', () => {
  it('of a folder holds all that lies in it, as another program unpacks it', async () => {
    const large = randomBytes(2_500_000);
    const files: Record<string, Buffer> = {
      'Trip/one.txt': Buffer.from('one'),
      'Trip/empty': Buffer.alloc(0),
      'Trip/Übung/東京.bin': large,
      'Trip/deep/er/still/file': Buffer.from('below'),
    };
    for (const [path, bytes] of Object.entries(files)) {
      await client.put(path.split('/').map(encodeURIComponent).join('/'), bytes, { 'X-OC-Mtime': '1700000000' });
    }
    await client.makeFolder('Trip/nothing%20in%20here');
    const answer = await client.send('/api/archive/Trip');
    expect([answer.status, answer.whole, answer.headers['content-type']]).toEqual([200, true, 'application/zip']);
    expect(answer.headers['content-disposition']).toContain('filename="Trip.zip"');
    const entries = entriesOf(answer.body);
    for (const [path, bytes] of Object.entries(files)) expect(entries.get(path)?.equals(bytes), path).toBe(true);
    expect(entries.has('Trip/nothing in here/')).toBe(true);
    const zip = join(folder, 'trip.zip');
    await writeFile(zip, answer.body);
    const out = join(folder, 'out');
    await promisify(execFile)('unzip', ['-q', zip, '-d', out], {
      env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
    });
    for (const [path, bytes] of Object.entries(files))
      expect((await readFile(join(out, path))).equals(bytes)).toBe(true);
    expect((await stat(join(out, 'Trip/one.txt'))).mtimeMs).toBe(1_700_000_000_000);
    expect(await readdir(join(out, 'Trip/nothing in here'))).toEqual([]);
  });

  it('of a large folder holds each entry once', async () => {
    const names = Array.from({ length: 230 }, (_, nth) => `f${nth}`);
    await Promise.all(names.map((name) => client.put(`many/${name}`, name)));
    await Promise.all(names.slice(0, 120).map((name) => client.makeFolder(`many/folder-${name}`)));
    const entries = entriesOf((await client.send('/api/archive/many')).body);
    expect(entries.size).toBe(1 + 230 + 120);
    for (const name of names) expect(entries.get(`many/${name}`)?.toString()).toBe(name);
  });

  it('of files and folders from anywhere keeps those of one name apart', async () => {
    for (const path of ['a/same.txt', 'b/same.txt', 'c/folder/x', 'alone']) await client.put(path, path);
    const answer = await several('a/same.txt', 'b/same.txt', 'c/folder', 'alone');
    const entries = entriesOf(answer.body);
    expect([...entries].map(([name, bytes]) => [name, bytes.toString()])).toEqual([
      ['same.txt', 'a/same.txt'],
      ['same (2).txt', 'b/same.txt'],
      ['folder/', ''],
      ['folder/x', 'c/folder/x'],
      ['alone', 'alone'],
    ]);
  });

  it('of everything, and of nothing', async () => {
    expect(namesOf(await client.send('/api/archive'))).toEqual([]);
    await client.put('x/y', 'z');
    expect(namesOf(await client.send('/api/archive'))).toEqual(['x/', 'x/y']);
  });

  it('leads nowhere out of the folder it is unpacked in', async () => {
    for (const name of ['..\\..\\evil.txt', 'C:\\autoexec.bat', '\\\\host\\share', 'NUL', 'ends.']) {
      expect((await client.put(encodeURIComponent(name), 'x')).status).toBe(201);
    }
    const names = namesOf(await client.send('/api/archive'));
    expect(names.length).toBe(5);
    for (const name of names) expect(name).not.toMatch(/[\\:/]|^\.\.?$|\.$|^nul$/i);
  });

  it('of what is not there is refused before its first byte', async () => {
    await client.put('there', 'x');
    for (const answer of [await client.send('/api/archive/absent'), await several('there', 'absent')]) {
      expect([answer.status, answer.type, answer.headers['content-disposition']]).toEqual([
        404,
        'not-found',
        undefined,
      ]);
    }
    expect((await several()).status).toBe(422);
    expect((await several('a//b')).type).toBe('bad-name');
  });
});

it('an archive that breaks in the middle does not look whole', async () => {
  const vault = `${gateway.dataFolder}/vault`;
  await client.put('trip/1', randomBytes(300_000));
  const before = new Set((await blobsOnDisk(vault)).keys());
  await client.put('trip/2', randomBytes(300_000));
  await client.put('trip/3', randomBytes(300_000));
  const [blob] = [...(await blobsOnDisk(vault))].filter(([name]) => !before.has(name));
  const bytes = await readFile(blob![1]);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(blob![1], bytes);
  const answer = await client.send('/api/archive/trip');
  expect([answer.status, answer.whole]).toEqual([200, false]);
  expect(() => entriesOf(answer.body)).toThrow();
});

it('a client that leaves in the middle of an archive leaves nothing held', async () => {
  for (const name of ['1', '2', '3']) await client.put(`trip/${name}`, randomBytes(6_000_000));
  const leaving = request(`${gateway.url}/api/archive/trip`, { headers: { Authorization: `Bearer ${client.token}` } });
  leaving.on('error', () => {}).end();
  const [answer] = (await once(leaving, 'response')) as [IncomingMessage];
  await once(answer, 'readable');
  leaving.destroy();
  using watcher = new Client(gateway, admin);
  const held = async () => {
    const metrics = (await watcher.send('/api/metrics')).body.toString();
    const found = metrics.matchAll(/^tessera_transfer_bytes_held\{budget="(?:downloads|slow)"\} (\d+)$/gm);
    return [...found].map(([, bytes]) => Number(bytes));
  };
  expect((await held()).length).toBe(2);
  while ((await held()).some((bytes) => bytes > 0));
  expect((await client.send('/api/archive/trip')).whole).toBe(true);
});
