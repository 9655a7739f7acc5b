import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '#contracts';
import { type DavServer, startApache } from '#storage/testing';
import { readWorkerConfig } from '../src/config/index.js';
import { GatewayLease } from '../src/gateways/index.js';
import { JobKinds } from '../src/jobs/index.js';
import { Client } from './support/client.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, inside, intruder, upkeep } from './support/inside.js';
import { newPerson, signIn } from './support/people.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SHARDS = { timeout: 30_000, interval: 100 };

let folder: string;
let socket: string;
let gateway: TestGateway;
let apache: DavServer;
let admin: Client;
let person: Client;
let worker: ChildProcess | undefined;
let said = '';
/** Three vaults, and a WebDAV server: where their blobs lie, and their connections. */
const places: string[] = [];
const connections: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'worker-'));
  socket = join(folder, 'door', 'worker');
  apache = await startApache();
  gateway = await startGateway({
    environment: { TESSERA_WORKER_SOCKET: socket, TESSERA_CHUNK_BYTES: '256KiB', TESSERA_ALLOW_HOSTS: '127.0.0.1' },
  });
  admin = new Client(gateway, await signIn(gateway));
  for (let nth = 0; nth < 3; nth++) {
    const path = join(folder, `place-${nth}`);
    await mkdir(path);
    await connect('local', { path, domain: `house ${nth}` }, path);
  }
  await connect('webdav', { url: apache.url, ...apache.login }, apache.files);
  person = new Client(gateway, (await newPerson(gateway, admin.token, ['user'])).token);
  await person.spread(2, 1, connections);
});
afterAll(async () => {
  if (worker && worker.exitCode === null && worker.signalCode === null) {
    worker.kill('SIGTERM');
    await once(worker, 'close');
  }
  admin?.[Symbol.dispose]();
  person?.[Symbol.dispose]();
  await gateway?.stop();
  await apache?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

async function connect(provider: string, settings: Record<string, string>, place: string): Promise<void> {
  const made = await admin.json('POST', `/api/cloud/connections/${provider}`, {
    label: place,
    house: true,
    ...settings,
  });
  expect(made.status, made.body.toString()).toBe(201);
  places.push(place);
  connections.push(made.json<{ id: string }>().id);
}

/** Everything but the root key: neither in its environment, nor in a folder that it is told of. */
function workersEnvironment(): Record<string, string> {
  return {
    PATH: process.env['PATH']!,
    DATABASE_URL: gateway.databaseUrl,
    TESSERA_WORKER_SOCKET: socket,
    TESSERA_DATA: join(folder, 'workers-own'),
    TESSERA_ALLOW_HOSTS: '127.0.0.1',
  };
}

async function startWorker(): Promise<void> {
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs')]);
  const flags = ['--max-old-space-size=400', '--max-semi-space-size=4'];
  worker = spawn(process.execPath, [...flags, join(ROOT, 'dist/src/run-worker.js')], { env: workersEnvironment() });
  for (const stream of [worker.stdout!, worker.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  await expect.poll(() => said, SHARDS).toContain('The worker is ready');
}

/** Says some lines at the socket; answers what came back, and whether the gateway hung up. */
async function say(...lines: unknown[]): Promise<{ answers: string; hungUp: boolean }> {
  const line = createConnection(socket);
  let answers = '';
  line.setEncoding('utf8').on('data', (text: string) => (answers += text));
  line.on('error', () => {});
  const closed = once(line, 'close').then(() => true);
  for (const one of lines) line.write(`${typeof one === 'string' ? one : JSON.stringify(one)}\n`);
  const wanted = Math.max(1, lines.length - 1);
  const answered = new Promise<boolean>((resolve) => {
    line.on('data', () => answers.split('\n').length - 1 === wanted && resolve(false));
  });
  const hungUp = await Promise.race([closed, answered]);
  line.destroy();
  return { answers, hungUp };
}
const hello = () => ({ lease: inside(gateway, GatewayLease).id });

describe('the door for workers', () => {
  it('lies in a folder of its own, and opens to whom the database knows', async () => {
    expect((await stat(dirname(socket))).mode & 0o777).toBe(0o700);
    const question = { n: 1, ask: 'open', connection: connections[0] };
    expect(await say(question)).toEqual({ answers: '', hungUp: true });
    expect(await say({ lease: randomUUID() }, question)).toEqual({ answers: '', hungUp: true });
    const { answers, hungUp } = await say(hello(), question);
    expect(hungUp).toBe(false);
    expect(JSON.parse(answers)).toEqual({ n: 1, settings: expect.objectContaining({ path: places[0] }) });
  });

  const strange: [string, unknown][] = [
    ['a key', { n: 1, ask: 'key' }],
    ['the root', { n: 1, ask: 'root' }],
    ['an account', { n: 1, ask: 'account', account: randomUUID() }],
    ['a content', { n: 1, ask: 'content', content: randomUUID() }],
    ['a chunk', { n: 1, ask: 'chunk', content: randomUUID(), index: 0 }],
    ['a path', { n: 1, ask: 'open', connection: '../../root.key' }],
    ['a connection and more', { n: 1, ask: 'open', connection: randomUUID(), account: randomUUID() }],
    ['nothing in particular', { n: 1, ask: 'open' }],
    ['what every object has', { n: 1, ask: '__proto__', connection: randomUUID() }],
    ['a marker longer than any', { n: 1, ask: 'marker', connection: randomUUID(), sealed: 'x'.repeat(10_000) }],
    ['a list', ['open']],
    ['a line without end', 'x'.repeat(70_000)],
    ['null', 'null'],
  ];
  it.each(strange)('hangs up on who asks for %s', async (_what, question) => {
    expect(await say(hello(), question)).toEqual({ answers: '', hungUp: true });
  });

  it('gives nothing for what is no connection, and no key for what is one', async () => {
    await using database = await intruder(gateway);
    const ids = await database.query<{ id: string }>(
      `select id from accounts union select id from contents union select id from account_keys`,
    );
    const keyFile = await readFile(join(gateway.dataFolder, 'root.key'), 'utf8');
    const root = Buffer.from(keyFile.trim().split(' ').at(-1)!, 'base64');
    const wrapped = await database.query<{ key: Buffer }>(
      `select wrapped as key from account_keys where wrapped is not null
       union select credential_key from connections where credential_key is not null
       union select credentials from connections where credentials is not null`,
    );
    const asked: unknown[] = [];
    for (const connection of [...ids.rows.map(({ id }) => id), ...connections])
      for (const rest of [
        { ask: 'open' },
        { ask: 'marker', sealed: null },
        { ask: 'marker', sealed: 'AAAA' },
        { ask: 'renew', refused: null },
      ])
        asked.push({ n: asked.length, connection, ...rest });
    const { answers, hungUp } = await say(hello(), ...asked);
    expect(hungUp).toBe(false);
    const found = answers
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(found.filter((answer) => answer['fault'] === 'unknown').length).toBe(
      ids.rows.length * 4 + connections.length,
    );
    expect(new Set(found.flatMap((answer) => Object.keys(answer)))).toEqual(
      new Set(['n', 'fault', 'message', 'settings', 'whose']),
    );
    for (const key of [root, ...wrapped.rows.map(({ key }) => key)])
      for (const spelling of ['hex', 'base64', 'base64url'] as const)
        expect(answers).not.toContain(key.toString(spelling).replace(/=+$/, ''));
  });
});

describe('a worker without the root key', () => {
  it('finds what was lost, makes it anew, and deletes what was condemned, on disks and over WebDAV', async () => {
    const keyFile = await readFile(join(gateway.dataFolder, 'root.key'), 'utf8');
    for (const value of Object.values(workersEnvironment())) expect(keyFile).not.toContain(value);
    const [kept, erased] = [randomBytes(2_000_000), randomBytes(1_000_000)];
    expect((await person.put('kept', kept)).status).toBe(201);
    expect((await person.put('erased', erased)).status).toBe(201);
    const stored = await everywhere();
    await person.remove('erased');
    await person.send('/api/trash', { method: 'DELETE' });
    const lost = await blobsOnDisk(places[0]!);
    await Promise.all([...lost.values()].map((path) => rm(path)));
    const { job } = (await admin.send(`/api/cloud/connections/${connections[0]}/scrub`, { method: 'POST' })).json<{
      job: Job;
    }>();
    await upkeep(gateway);
    // The gateway leaves all of it alone.
    expect((await stateOf(job)).state).toBe('waiting');
    expect((await everywhere()).length).toBe(stored.length - lost.size);

    await startWorker();
    // What it does is exactly what the gateway leaves to it.
    const kinds = inside(gateway, JobKinds);
    const left = kinds.names.filter((kind) => !kinds.here.includes(kind)).sort();
    expect(said).toContain(`The worker is ready: ${left.join(', ')}.`);
    expect(left).toEqual(expect.arrayContaining(['drain', 'repair', 'scrub']));
    const began = performance.now();
    await expect.poll(async () => (await stateOf(job)).state, SHARDS).toBe('done');
    await expect.poll(async () => (await statesOf('kept')).every((state) => state === 'live'), SHARDS).toBe(true);
    await expect.poll(everywhereCount, SHARDS).toBe(8 * 3);
    const memory = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${worker!.pid}/status`, 'utf8'))?.[1];
    console.log(
      `Healed and swept in ${Math.round(performance.now() - began)} ms; the worker has ${Math.round(Number(memory) / 1024)} MiB.`,
    );
    expect((await person.get('kept')).body.equals(kept)).toBe(true);
    expect(await readdir(join(folder, 'workers-own'))).not.toContain('root.key');
  });

  it('ends on SIGTERM, and leaves nothing open', async () => {
    worker!.kill('SIGTERM');
    const [code] = (await once(worker!, 'close')) as [number | null];
    expect([code, said.match(/error/gi)]).toEqual([0, null]);
  });

  it('is not started without a way to the database, and to a gateway', () => {
    for (const missing of ['DATABASE_URL', 'TESSERA_WORKER_SOCKET']) {
      const read = () => readWorkerConfig({ ...workersEnvironment(), [missing]: '' });
      expect(read).toThrow(`${missing} is missing: a worker needs it`);
    }
    const told = {
      ...workersEnvironment(),
      GOOGLE_CLIENT_ID: 'x',
      GOOGLE_CLIENT_SECRET: 'y',
      TESSERA_ROOT_KEY_FILE: '/x',
    };
    const { vendors, rootKeyFile, isWorker } = readWorkerConfig(told);
    expect([vendors['google']?.application, rootKeyFile, isWorker]).toEqual([
      null,
      expect.not.stringMatching('^/x$'),
      true,
    ]);
  });
});

async function everywhere(): Promise<string[]> {
  const found = await Promise.all(places.map((place) => blobsOnDisk(place)));
  return found.flatMap((blobs) => [...blobs.keys()]);
}
const everywhereCount = async () => (await everywhere()).length;
const stateOf = async ({ id }: Job) => (await admin.send(`/api/jobs/${id}`)).json<Job>();

async function statesOf(path: string): Promise<string[]> {
  const { chunks } = (await person.placement(path)).json<{ chunks: { shards: { state: string }[] }[] }>();
  return chunks.flatMap(({ shards }) => shards.map(({ state }) => state));
}
