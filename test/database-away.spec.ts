import { createHash, randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { clusterName } from '../src/database/embedded/cluster.js';
import { EmbeddedPostgres } from '../src/database/embedded/embedded-postgres.js';
import { processesNamed } from '../src/database/embedded/left-behind.js';
import { complaints, timePasses } from './crash/aftermath.js';
import { CHUNK, prepareSite, type PreparedSite, startHere } from './crash/site.js';
import { Client, type Received } from './support/client.js';
import { type GatewayProcess, spawnGateway, type TestGateway } from './support/gateway.js';
import { blobsOnDisk, vaultOf } from './support/inside.js';
import { call, signIn } from './support/people.js';
import { type PostgresProxy, startPostgresProxy } from './support/postgres-proxy.js';
import { killIfThere } from './support/kill-if-there.js';
import { type StartedData, startedData } from './support/started-data.js';

// Postgres is started, ended and recovered several times in each of them.
vi.setConfig({ testTimeout: 120_000 });

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

const expectUnavailable = (answer: Pick<Received, 'status' | 'headers'>) => {
  expect(answer.status).toBe(503);
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
};

/** A body that stops half-way until it is let go. */
function gatedBody(bytes: Buffer): { body(): AsyncGenerator<Buffer>; atHalf: Promise<void>; letGo(): void } {
  const half = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  async function* body() {
    yield bytes.subarray(0, Math.ceil(bytes.length / 2));
    half.resolve();
    await gate.promise;
    yield bytes.subarray(Math.ceil(bytes.length / 2));
  }
  return { body, atHalf: half.promise, letGo: () => gate.resolve() };
}

/** People who upload without pause, and remember what they were told. */
class Uploaders {
  readonly acknowledged = new Map<string, string>();
  readonly refused: Received[] = [];
  /** What was under way when the connection broke, with what would be there had it come through. */
  readonly unsaid = new Map<string, string>();
  private next = 0;
  private stopped = false;
  private readonly running: Promise<void>[] = [];

  begin(client: Client, people = 4): void {
    this.stopped = false;
    for (let person = 0; person < people; person += 1) this.running.push(this.upload(client));
  }

  async end(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.running.splice(0));
  }

  async until(acknowledged: number): Promise<void> {
    await vi.waitFor(() => expect(this.acknowledged.size).toBeGreaterThanOrEqual(acknowledged), { timeout: 40_000 });
  }

  /** Everything that was acknowledged is there; of what was not, everything or nothing. */
  async check(client: Client): Promise<void> {
    for (const [path, hash] of this.acknowledged) {
      const { status, body } = await client.get(path);
      expect([path, status, digest(body)]).toEqual([path, 200, hash]);
    }
    for (const [path, hash] of this.unsaid) {
      const { status, body } = await client.get(path);
      if (status !== 404) expect([path, status, digest(body)]).toEqual([path, 200, hash]);
    }
  }

  private async upload(client: Client): Promise<void> {
    while (!this.stopped) {
      const bytes = randomBytes(randomInt(2 * CHUNK));
      const path = `stream/${(this.next += 1)}`;
      const answer = await client.put(path, bytes).catch(() => null);
      if (answer !== null && answer.status < 300) this.acknowledged.set(path, digest(bytes));
      else this.unsaid.set(path, digest(bytes));
      if (answer === null) return;
      if (answer.status >= 300) this.refused.push(answer);
    }
  }
}

describe('a database that cannot be reached', () => {
  let site: PreparedSite;
  let proxy: PostgresProxy;
  let gateway: TestGateway;
  let client: Client;
  const kept = randomBytes(2 * CHUNK);
  beforeAll(async () => {
    site = await prepareSite(async (first) => void (await first.put('kept', kept)));
    proxy = await startPostgresProxy(site.databaseUrl);
    gateway = { ...(await startHere({ ...site, databaseUrl: proxy.url })), databaseUrl: site.databaseUrl };
    client = new Client(gateway, site.token);
  });
  afterAll(async () => {
    proxy?.open();
    client?.[Symbol.dispose]();
    await gateway?.stop();
    await proxy?.stop();
    await site?.remove();
  });
  const ready = async () => (await fetch(`${gateway.url}/api/health/ready`)).status;

  test('is told as such, with when to come again, and is found again without a restart', async () => {
    const uploads = Array.from({ length: 6 }, (_, nth) => {
      const gated = gatedBody(randomBytes(3 * CHUNK));
      return { ...gated, path: `in-flight-${nth}`, answer: client.put(`in-flight-${nth}`, gated.body()) };
    });
    await Promise.all(uploads.map(({ atHalf }) => atHalf));
    await vi.waitFor(async () => expect((await blobsOnDisk(vaultOf(site))).size).toBeGreaterThan(6));
    proxy.close();
    const requests = [
      client.get('kept'),
      client.head('kept'),
      client.tree(''),
      client.put('other', 'text'),
      client.put('nothing', ''),
      client.makeFolder('folder'),
      client.move('kept', 'moved'),
      client.remove('kept'),
    ];
    for (const request of requests) expectUnavailable(await request);
    expect(
      (await call(gateway, '/api/auth/login', { body: { email: 'a@example.org', password: 'none' } })).status,
    ).toBe(503);
    expect([await ready(), (await fetch(`${gateway.url}/api/health/live`)).status]).toEqual([503, 200]);
    for (const { letGo } of uploads) letGo();
    for (const { answer } of uploads) expectUnavailable(await answer);

    proxy.open();
    await vi.waitFor(async () => expect(await ready()).toBe(200), { timeout: 10_000 });
    expect((await client.get('kept')).body.equals(kept)).toBe(true);
    for (const { path } of uploads) expect((await client.get(path)).status).toBe(404);
    expect((await client.put('other', 'text')).status).toBe(201);
    await timePasses(gateway);
    expect(await complaints(gateway)).toEqual([]);
  });
});

describe('a database that is ended in the midst of uploads', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tessera-ended-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test.each([
    ['at once, as by pg_ctl stop -m immediate', 'SIGQUIT'],
    ['with a fast stop', 'SIGINT'],
    ['with kill -9', 'SIGKILL'],
  ] as const)('%s: nothing is acknowledged falsely, and it goes on without a restart', async (_name, signal) => {
    const postgres = await EmbeddedPostgres.start(folder);
    const { host, port, user, database } = postgres.connection;
    const databaseUrl = `postgres://${user}@localhost:${port}/${database}?host=${encodeURIComponent(host!)}`;
    const site = await prepareSite(async () => {}, { databaseUrl });
    const gateway = await startHere(site);
    try {
      using client = new Client(gateway, site.token);
      const uploaders = new Uploaders();
      uploaders.begin(client);
      await uploaders.until(15);
      const { pid } = postgres;
      process.kill(pid, signal);
      await vi.waitFor(() => expect(postgres.pid).not.toBe(pid), { timeout: 20_000 });
      await uploaders.until(uploaders.acknowledged.size + 15);
      await uploaders.end();
      for (const answer of uploaders.refused) expectUnavailable(answer);
      await uploaders.check(client);
      await timePasses(gateway);
      expect(await complaints(gateway)).toEqual([]);
    } finally {
      await gateway.stop();
      await postgres.stop();
      await site.remove();
    }
  });
});

describe('a gateway with its own database, in the midst of uploads', () => {
  let data: StartedData;
  let dataFolder: string;
  let running: GatewayProcess | null = null;
  const environment = { TESSERA_CHUNK_BYTES: String(CHUNK), TESSERA_STOP_SECONDS: '3' };
  const start = async () => {
    running = await spawnGateway({ dataFolder, environment });
    await running.ready();
    return running;
  };
  const cluster = () => join(dataFolder, 'postgres', 'cluster');
  const postmaster = async () => Number((await readFile(join(cluster(), 'postmaster.pid'), 'utf8')).split('\n')[0]);
  const databaseProcesses = () => processesNamed(clusterName(cluster()));
  beforeAll(async () => {
    data = await startedData(environment);
  });
  afterAll(async () => {
    await data?.remove();
  });
  beforeEach(async () => {
    await data.restore();
    dataFolder = data.folder;
  });
  afterEach(async () => {
    await running?.stop();
    running = null;
    await vi.waitFor(async () => expect(await databaseProcesses()).toEqual([]), { timeout: 10_000 });
  });

  test('whose database is killed starts it again and goes on', async () => {
    const gateway = await start();
    using client = new Client(gateway, await signIn(gateway));
    const uploaders = new Uploaders();
    uploaders.begin(client);
    await uploaders.until(15);
    const killed = await postmaster();
    process.kill(killed, 'SIGKILL');
    await vi.waitFor(async () => expect(await postmaster()).not.toBe(killed), { timeout: 20_000 });
    await uploaders.until(uploaders.acknowledged.size + 15);
    await uploaders.end();
    for (const answer of uploaders.refused) expectUnavailable(answer);
    await uploaders.check(client);
  });

  const KILLS: [string, (gateway: GatewayProcess) => Promise<void>][] = [
    ['the gateway', async (gateway) => void gateway.child.kill('SIGKILL')],
    [
      'the database, then the gateway',
      async (gateway) => {
        process.kill(await postmaster(), 'SIGKILL');
        gateway.child.kill('SIGKILL');
      },
    ],
    [
      'both, down to the last process',
      async (gateway) => {
        const processes = await databaseProcesses();
        gateway.child.kill('SIGKILL');
        for (const pid of processes) killIfThere(pid);
      },
    ],
  ];
  test.each(KILLS)('after a kill -9 of %s everything acknowledged is read by the next one', async (_name, kill) => {
    const first = await start();
    const token = await signIn(first);
    const uploaders = new Uploaders();
    {
      using client = new Client(first, token);
      uploaders.begin(client);
      await uploaders.until(15);
      await kill(first);
      await first.ended();
      await uploaders.end();
    }
    using client = new Client(await start(), token);
    await uploaders.check(client);
    uploaders.begin(client);
    await uploaders.until(uploaders.acknowledged.size + 5);
    await uploaders.end();
    await uploaders.check(client);
  });

  test('that is told to stop lets the quick ones finish, cuts the others, and ends cleanly', async () => {
    const gateway = await start();
    const token = await signIn(gateway);
    using client = new Client(gateway, token);
    const uploads = Array.from({ length: 6 }, (_, nth) => {
      const bytes = randomBytes(3 * CHUNK);
      const gated = gatedBody(bytes);
      const answer = client.put(`file-${nth}`, gated.body()).catch(() => null);
      return { ...gated, path: `file-${nth}`, bytes, answer };
    });
    const [quick, stuck] = [uploads.slice(0, 3), uploads.slice(3)];
    const vault = join(dataFolder, 'vault');
    await vi.waitFor(async () => expect((await blobsOnDisk(vault)).size).toBeGreaterThanOrEqual(6), {
      timeout: 10_000,
    });
    gateway.child.kill('SIGTERM');
    await vi.waitFor(() => expect(fetch(gateway.url)).rejects.toThrow());
    for (const { letGo } of quick) letGo();
    for (const { answer } of quick) expect((await answer)?.status).toBe(201);
    for (const { answer } of stuck) expect(await answer).toBeNull();
    expect(await gateway.ended()).toBe(0);
    expect(gateway.output()).toContain('Tessera has stopped.');
    expect(await databaseProcesses()).toEqual([]);

    using again = new Client(await start(), token);
    for (const { path, bytes } of quick) expect((await again.get(path)).body.equals(bytes)).toBe(true);
    for (const { path } of stuck) expect((await again.get(path)).status).toBe(404);
    await vi.waitFor(async () => expect((await blobsOnDisk(vault)).size).toBe(9), { timeout: 20_000 });
    for (const { letGo } of stuck) letGo();
  });
});
