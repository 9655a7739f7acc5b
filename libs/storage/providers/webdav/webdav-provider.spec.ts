import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { newBlobName } from '../../blob-name.js';
import {
  AccessRefused,
  AddressRefused,
  BlobMismatch,
  BlobTruncated,
  ConnectionAway,
  ConnectionFull,
  SentElsewhere,
  SettingRefused,
  Throttled,
} from '../../errors.js';
import { newFolderName } from '../../folder-name.js';
import { probe } from '../../probe.js';
import { bodyOf, listAll, readAll, someBytes } from '../../testing/index.js';
import { startApache } from '../../testing/servers/dav-server.js';
import { type NextcloudDouble, startNextcloudDouble } from '../../testing/servers/nextcloud-double.js';
import { webdav } from './description.js';
import { openWebdav, type WebdavProvider } from './webdav-provider.js';

const outbound = { allowHosts: ['127.0.0.1'] };
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Place = Partial<Parameters<typeof openWebdav>[0]>;

function open(server: { url: string; login: NextcloudDouble['login'] }, place: Place = {}): WebdavProvider {
  const { url, login } = server;
  const provider = openWebdav({ url, login, folder: newFolderName(), instance: 'one', outbound, ...place });
  closing.push(() => provider.close());
  return provider;
}

async function nextcloud(place: Place = {}) {
  const double = await startNextcloudDouble();
  closing.push(() => double.stop());
  const provider = open(double, place);
  return { double, provider };
}

async function inUse(place: Place = {}) {
  const { double, provider } = await nextcloud(place);
  await provider.writeMarker(someBytes(100));
  return { double, provider };
}

async function serve(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dav`;
  return { url, login: { username: 'alice', password: 'secret' } };
}

describe('A Nextcloud', () => {
  it('is found from the address in the browser, though its user goes by another name', async () => {
    const { double, provider } = await inUse();
    expect(double.asked.slice(0, 2)).toEqual(['GET /cloud/status.php', 'GET /cloud/ocs/v2.php/cloud/user?format=json']);
    expect([...double.files.keys()].some((path) => path.endsWith('/marker'))).toBe(true);
    expect(provider.traits.checksum).toBe('sha256');
  });

  it('is found from the address of the files, too', async () => {
    const { double, provider } = await nextcloud();
    double.files.set('Backup', null);
    const deep = open({ ...double, url: `${double.url}/remote.php/dav/files/alice%20id/Backup` });
    await deep.writeMarker(someBytes(10));
    expect([...double.files.keys()].filter((path) => path.startsWith('Backup/')).length).toBeGreaterThan(0);
    expect(await provider.readMarker()).toBeNull();
  });

  it('proves a put by its own hash, in one request', async () => {
    const { double, provider } = await inUse();
    const bytes = someBytes(100_000);
    const first = await provider.put(newBlobName(), bodyOf(bytes));
    expect(first.kind).toBe('checksum');
    const name = newBlobName();
    await provider.put(`${name.slice(0, 2)}${newBlobName().slice(2)}` as typeof name, bodyOf(bytes));
    double.asked.length = 0;
    await provider.put(name, bodyOf(bytes));
    expect(double.asked).toHaveLength(1);
  });

  it('that received other bytes keeps none of them', async () => {
    const { double, provider } = await inUse();
    double.ways.hash = 'wrong';
    await expect(provider.put(newBlobName(), bodyOf(someBytes(10)))).rejects.toThrow(ConnectionAway);
    expect(await listAll(provider)).toEqual([]);
  });

  it('of an old version is looked at', async () => {
    const { double, provider } = await inUse();
    double.ways.hash = 'none';
    expect(await provider.put(newBlobName(), bodyOf(someBytes(10)))).toEqual({ kind: 'looked', checksum: null });
  });

  it('has nothing of ours in its trash', async () => {
    const { double, provider } = await inUse();
    const name = newBlobName();
    await provider.put(name, bodyOf(someBytes(10)));
    await provider.delete(name);
    await provider.removeFolder();
    expect(double.trash).toEqual([]);
    expect([...double.files.keys()]).toEqual(['']);
  });

  it('in maintenance is away', async () => {
    const { double, provider } = await nextcloud();
    double.ways.maintenance = true;
    await expect(provider.readMarker()).rejects.toThrow('maintenance');
    double.ways.maintenance = false;
    expect(await provider.readMarker()).toBeNull();
  });

  it.each([
    [1_000_000, { free: 1_000_000, used: 4096, total: 1_004_096 }],
    [-3, { free: null, used: 4096, total: null }],
  ])('with a quota of %i says %j', async (quota, space) => {
    const { double, provider } = await nextcloud();
    double.ways.quota = quota;
    expect(await provider.space()).toEqual(space);
  });

  it('asks for a password once, and not again for a while', async () => {
    const { double } = await nextcloud();
    const login = { ...double.login, password: 'wrong' };
    const provider = open({ ...double, login, url: `${double.url}/remote.php/dav/files/alice%20id/` });
    await expect(provider.readMarker()).rejects.toThrow(AccessRefused);
    double.asked.length = 0;
    for (let turn = 0; turn < 10; turn += 1) await expect(provider.readMarker()).rejects.toThrow(AccessRefused);
    expect(double.asked).toEqual([]);
  });
});

describe('A server with ways of its own', () => {
  it('that ignores conditions does not make us overwrite', async () => {
    const { double, provider } = await inUse();
    double.ways.conditions = false;
    const name = newBlobName();
    await provider.put(name, bodyOf(someBytes(1000)));
    await provider.put(name, bodyOf(someBytes(1000)));
    await expect(provider.put(name, bodyOf(someBytes(1000, 'other')))).rejects.toThrow(BlobMismatch);
  });

  it('that ignores ranges is read from the beginning, and says so in its traits', async () => {
    const { double, provider } = await inUse();
    double.ways.ranges = false;
    const bytes = someBytes(300_000);
    const name = newBlobName();
    await provider.put(name, bodyOf(bytes));
    const read = await readAll(provider, name, { offset: 100_001, length: 70_000 }, 4096);
    expect(read.equals(bytes.subarray(100_001, 170_001))).toBe(true);
    await expect(readAll(provider, name, { offset: 299_999, length: 2 })).rejects.toThrow(BlobTruncated);
    expect(provider.traits.ranges).toBe(false);
  });

  it.each([
    [401, {}, AccessRefused],
    [403, {}, AccessRefused],
    [423, {}, ConnectionAway],
    [429, { 'Retry-After': '30' }, Throttled],
    [503, { 'Retry-After': '120' }, Throttled],
    [503, {}, ConnectionAway],
    [500, {}, ConnectionAway],
    [507, {}, ConnectionFull],
    [413, {}, AccessRefused],
    [200, {}, AccessRefused],
    [202, {}, AccessRefused],
    [207, {}, AccessRefused],
    [301, { Location: '/elsewhere' }, SentElsewhere],
    [302, { Location: 'https://login.example.com/' }, SentElsewhere],
    [307, { Location: 'http://169.254.169.254/' }, SentElsewhere],
  ])('that answers a move or a delete with %i %j has not done it', async (status, headers, fault) => {
    const { double, provider } = await inUse();
    const name = newBlobName();
    await provider.put(name, bodyOf(someBytes(10)));
    const spoiled = status === 200 ? 'MOVE' : 'DELETE';
    double.ways.instead = (method) => (method === spoiled ? { status, headers } : undefined);
    const call = spoiled === 'MOVE' ? provider.writeMarker(someBytes(20)) : provider.delete(name);
    await expect(call).rejects.toThrow(fault);
    double.ways.instead = null;
    expect(double.files.has([...double.files.keys()].find((path) => path.endsWith(name)) ?? '')).toBe(true);
  });

  it.each([
    [202, AccessRefused],
    [206, AccessRefused],
    [507, ConnectionFull],
    [423, ConnectionAway],
    [429, Throttled],
    [302, SentElsewhere],
  ])('that answers a put with %i keeps nothing', async (status, fault) => {
    const { double, provider } = await inUse();
    await provider.put(newBlobName(), bodyOf(someBytes(1)));
    double.ways.instead = (method) => (method === 'PUT' ? { status } : undefined);
    await expect(provider.put(newBlobName(), bodyOf(someBytes(500_000)))).rejects.toThrow(fault);
  });

  it('that shows a page for signing in is no WebDAV', async () => {
    const page = await serve((_request, response) => void response.end('<html>Please sign in</html>'));
    const result = await probe(open(page));
    expect(result).toMatchObject({ ok: false, failedStep: 'prepare', reason: expect.stringContaining('WebDAV') });
  });

  it('that sends us to another server is told about, and never followed', async () => {
    const asked: string[] = [];
    const inside = await serve((request, response) => {
      asked.push(request.url ?? '');
      response.end();
    });
    const door = await serve((_request, response) => void response.writeHead(302, { Location: inside.url }).end());
    await expect(open(door).readMarker()).rejects.toThrow(SentElsewhere);
    expect(asked).toEqual([]);
  });

  it('that sends more than properties can be is not listened to', async () => {
    const endless = await serve((request, response) => {
      if (request.method !== 'PROPFIND') return void response.writeHead(404).end();
      response.writeHead(207);
      const more = () =>
        void (response.write(someBytes(1_000_000)) ? setImmediate(more) : response.once('drain', more));
      more();
    });
    await expect(open(endless).stat(newBlobName())).rejects.toThrow(ConnectionAway);
  });

  it('gets names and passwords of any script right, and shows them in no fault', async () => {
    let heard = '';
    const server = await serve((request, response) => {
      heard = request.headers.authorization ?? heard;
      response.writeHead(403).end();
    });
    const login = { username: 'älice', password: 'пароль:☂' };
    const fault: unknown = await open({ ...server, login })
      .readMarker()
      .catch((error: unknown) => error);
    expect(Buffer.from(heard.slice(6), 'base64').toString()).toBe('älice:пароль:☂');
    expect(fault).toBeInstanceOf(AccessRefused);
    expect(JSON.stringify([fault, String((fault as Error).cause), (fault as Error).stack])).not.toMatch(/пароль|0L/);
  });
});

describe('What was half-written', () => {
  it('by an opener that is dead goes, and what others write stays', async () => {
    const server = await startApache();
    closing.push(() => server.stop());
    const folder = newFolderName();
    const [one, two] = ['one', 'two'].map((instance) => open(server, { folder, instance }));
    await one!.writeMarker(someBytes(10));
    const never = new AbortController();
    const stuck = {
      length: 100_000,
      async *pieces() {
        yield someBytes(50_000);
        expect(await two!.temporaryOwners()).toEqual(['one']);
        expect(await one!.temporaryOwners()).toEqual([]);
        expect(await one!.sweepTemporary(['one', '..', 'nobody'])).toBe(0);
        never.abort(new Error('killed'));
      },
    };
    await expect(one!.put(newBlobName(), stuck, { signal: never.signal })).rejects.toThrow('killed');
    const left = open(server, { folder, instance: 'three' });
    await left.put(newBlobName(), bodyOf(someBytes(5)));
    expect((await two!.temporaryOwners()).sort()).toEqual(['one', 'three']);
    expect(await two!.sweepTemporary(['one'])).toBe(0);
    expect(await two!.temporaryOwners()).toEqual(['three']);
    await left.close();
    expect(await two!.temporaryOwners()).toEqual([]);
    expect(await listAll(two!)).toHaveLength(1);
  });
});

describe('A folder on a WebDAV server', () => {
  it('shows what is not ours as foreign, and is not taken away while it is there', async () => {
    const { double, provider } = await inUse();
    const name = newBlobName();
    await provider.put(name, bodyOf(someBytes(10)));
    const folder = [...double.files.keys()].find((path) => /^[0-9a-f]{32}$/.test(path))!;
    double.files.set(`${folder}/holiday.jpg`, Buffer.alloc(5));
    double.files.set(`${folder}/${name.slice(0, 2)}/notes.txt`, Buffer.alloc(6));
    double.files.set(`${folder}/zz`, null);
    double.files.set(`${folder}/zz/${name}`, Buffer.alloc(7));
    const strangers = (await listAll(provider)).filter(({ foreign }) => foreign).map((entry) => entry.name);
    expect(strangers.sort()).toEqual([`${name.slice(0, 2)}/notes.txt`, 'holiday.jpg', `zz/${name}`].sort());
    await provider.delete(name);
    await expect(provider.removeFolder()).rejects.toThrow('not empty');
    expect(double.files.has(`${folder}/holiday.jpg`)).toBe(true);
  });

  it('still has a marker when the server died while it was replaced', async () => {
    const { double, provider } = await inUse();
    const path = [...double.files.keys()].find((each) => each.endsWith('/marker'))!;
    double.files.set(`${path}.next`, double.files.get(path)!);
    double.files.delete(path);
    expect((await provider.readMarker())?.equals(someBytes(100))).toBe(true);
    await provider.writeMarker(someBytes(200));
    expect((await provider.readMarker())?.equals(someBytes(200))).toBe(true);
    expect(double.files.has(`${path}.next`)).toBe(false);
  });

  it('that is not where it was is away, not wiped', async () => {
    const { provider } = await nextcloud();
    const elsewhere = await serve((_request, response) => void response.writeHead(404).end());
    await expect(open(elsewhere).readMarker()).rejects.toThrow(ConnectionAway);
    expect(await provider.readMarker()).toBeNull();
  });
});

describe('The form for WebDAV', () => {
  const settings = { url: 'https://Cloud.example.com./nextcloud/', username: 'alice', password: 'secret' };

  it.each([
    ['https://cloud.example.com', 'https://CLOUD.example.com:443/remote.php/dav/files/alice/', true],
    ['https://cloud.example.com.', 'https://cloud.example.com/', true],
    ['https://cloud.example.com', 'https://cloud.example.com:8443', false],
    ['https://cloud.example.com', 'https://cloud.example.org', false],
  ])('knows whether %s and %s are one place for one user', (one, other, same) => {
    const [a, b] = [one, other].map((url) => webdav.identityOf!({ ...settings, url }));
    expect(a === b).toBe(same);
    expect(webdav.identityOf!({ ...settings, username: 'bob' })).not.toBe(webdav.identityOf!(settings));
  });

  it('knows that the accounts of one server are lost together', async () => {
    expect(await webdav.domainOf({ ...settings, username: 'bob' })).toBe('host:cloud.example.com');
  });

  it.each([
    ['http://cloud.example.com', 'url'],
    ['https://192.168.1.1', 'url'],
    ['https://localhost', 'url'],
    ['cloud', 'url'],
  ])('refuses %s before anything is asked, and names the field', async (url, field) => {
    const opening = webdav.open({ settings: { ...settings, url }, folder: newFolderName(), instance: 'one' });
    await expect(opening).rejects.toMatchObject({ name: SettingRefused.name, field });
  });

  it('refuses a name that points into a private network when it is tried, and says whom to ask', async () => {
    const rules = { allowHosts: [], resolve: async () => [{ address: '10.0.0.1', family: 4 }] };
    const place = { settings, folder: newFolderName(), instance: 'one', outbound: rules };
    const result = await probe(await webdav.open(place));
    expect(result).toMatchObject({ ok: false, failedStep: 'prepare', advice: expect.stringContaining('operator') });
    expect(result.cause).toBeInstanceOf(AddressRefused);
  });
});
