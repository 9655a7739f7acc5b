import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { clusterName } from '../src/database/embedded/cluster.js';
import { processesNamed } from '../src/database/embedded/left-behind.js';
import { freePort, type GatewayOptions, type GatewayProcess, spawnGateway } from './support/gateway.js';
import { killIfThere } from './support/kill-if-there.js';
import { type StartedData, startedData } from './support/started-data.js';

let data: StartedData;
let dataFolder: string;
const spawned: GatewayProcess[] = [];

beforeAll(async () => {
  data = await startedData();
});
afterAll(async () => {
  await data?.remove();
});
beforeEach(async () => {
  await data.restore();
  dataFolder = data.folder;
});
afterEach(async () => {
  for (const gateway of spawned.splice(0)) await gateway.stop();
  await vi.waitFor(async () => expect(await databaseProcesses()).toEqual([]), { timeout: 10_000 });
});

const spawn = async (options: GatewayOptions = {}) => {
  const gateway = await spawnGateway({ dataFolder, ...options });
  spawned.push(gateway);
  return gateway;
};
const start = async (options: GatewayOptions = {}) => {
  const gateway = await spawn(options);
  await gateway.ready();
  return gateway;
};
const cluster = () => join(dataFolder, 'postgres', 'cluster');
const databaseProcesses = () => processesNamed(clusterName(cluster()));
const postmaster = async () => Number((await readFile(join(cluster(), 'postmaster.pid'), 'utf8')).split('\n')[0]);
const isListening = async (url: string) => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const outcome = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return outcome;
};

const KILLS: [string, (gateway: GatewayProcess) => Promise<void>][] = [
  ['the gateway', async (gateway) => void gateway.child.kill('SIGKILL')],
  [
    'the database, and then the gateway',
    async (gateway) => {
      process.kill(await postmaster(), 'SIGKILL');
      gateway.child.kill('SIGKILL');
    },
  ],
  [
    'the gateway, and then every process of the database',
    async (gateway) => {
      gateway.child.kill('SIGKILL');
      for (const pid of await databaseProcesses()) killIfThere(pid);
    },
  ],
];

test.each(KILLS)('after a kill -9 of %s the same command starts it again', async (_name, kill) => {
  const first = await start();
  await kill(first);
  await first.ended();
  const again = await start();
  expect(await isListening(again.url)).toBe(true);
  again.child.kill('SIGTERM');
  expect(await again.ended()).toBe(0);
});

test.each(['SIGTERM', 'SIGINT'] as const)('%s stops the gateway cleanly, and its database', async (signal) => {
  const gateway = await start();
  gateway.child.kill(signal);
  // npm passes on a Ctrl-C that the terminal has sent already.
  gateway.child.kill(signal);
  expect(await gateway.ended()).toBe(0);
  expect(gateway.output()).toContain('Tessera has stopped.');
  expect(await databaseProcesses()).toEqual([]);
  expect(await isListening(gateway.url)).toBe(false);
});

test('a signal in the midst of the first start stops it too', async () => {
  await rm(dataFolder, { recursive: true });
  const gateway = await spawn();
  await vi.waitFor(async () => expect(await databaseProcesses()).not.toEqual([]), { timeout: 20_000, interval: 5 });
  gateway.child.kill('SIGTERM');
  expect(await gateway.ended()).toBe(0);
});

describe('a start that cannot be says why in one line, and exits with 1', () => {
  const failing = async (options: GatewayOptions, line: RegExp) => {
    const gateway = await spawn(options);
    expect(await gateway.ended()).toBe(1);
    expect(gateway.output()).toMatch(line);
  };

  test('a wrong setting', () =>
    failing({ environment: { PORT: 'http' } }, /^PORT must be a whole number from 0 to 65535\n$/));

  test('a missing setting', () =>
    failing({ environment: { TESSERA_ADMIN_PASSWORD: '' } }, /^TESSERA_ADMIN_PASSWORD is missing: [^\n]+\n$/));

  test('an external database without a root key', async () => {
    await rm(join(dataFolder, 'root.key'));
    await failing(
      { environment: { DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/t' } },
      /^TESSERA_ROOT_KEY_FILE is missing: [^\n]+\n$/,
    );
  });

  test('another gateway on the same data', async () => {
    await start();
    await failing({}, /^TESSERA_DATA is in use: another gateway runs on [^\n]+\n$/);
  });

  test('a port that is taken', async () => {
    const first = await start();
    const other = await mkdtemp(join(tmpdir(), 'tessera-other-'));
    await failing(
      { dataFolder: other, environment: { PORT: new URL(first.url).port } },
      /(^|\n)PORT \d+ is taken on 127\.0\.0\.1\.\n$/,
    );
    await rm(other, { recursive: true, force: true });
  });

  test('a Redis that is not there', async () =>
    failing(
      { environment: { REDIS_URL: `redis://127.0.0.1:${await freePort()}` } },
      /^REDIS_URL leads to no Redis that answers us\.\n$/,
    ));
});

test('what it keeps is open to nobody else', async () => {
  await start();
  for (const path of ['postgres', 'postgres/cluster']) {
    expect((await stat(join(dataFolder, path))).mode & 0o077).toBe(0);
  }
});

// An ordinary user runs all of the above as one anyway; root shows that others can, wherever they can read the programs.
if (process.getuid?.() === 0 && (await readableByOthers())) {
  const users: [string, number][] = [
    ['an ordinary user', 65_534],
    ['a user without a name', 12_345],
  ];
  test.each(users)('%s starts it as well as root', async (_name, user) => {
    // From the first start on.
    await rm(dataFolder, { recursive: true });
    await mkdir(dataFolder, { mode: 0o700 });
    await chown(dataFolder, user, user);
    await chmod(dirname(dataFolder), 0o711);
    const prefix = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'];
    const first = await start({ prefix });
    expect((await stat(cluster())).uid).toBe(user);
    first.child.kill('SIGKILL');
    await first.ended();
    const again = await start({ prefix });
    again.child.kill('SIGTERM');
    expect(await again.ended()).toBe(0);
  });
}

async function readableByOthers(): Promise<boolean> {
  const node = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, '--version'];
  const { ok } = await promisify(execFile)('setpriv', node, { cwd: dirname(import.meta.dirname) }).then(
    () => ({ ok: true }),
    () => ({ ok: false }),
  );
  return ok;
}
