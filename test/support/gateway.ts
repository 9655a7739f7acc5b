import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { type Config, readConfig } from '../../src/config/index.js';
import { startGateway as startRealGateway } from '../../src/gateway.js';
import { createDatabase } from './database.js';

export const FIRST_ACCOUNT = { email: 'first@example.org', password: 'correct horse battery staple' } as const;

export interface GatewayOptions {
  /** Further variables, or other values for the usual ones. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Beyond what the environment may say; for a gateway in the test's process. */
  readonly config?: Partial<Config>;
  /** Where it keeps its data; one of its own, removed at the end, when not told. */
  readonly dataFolder?: string;
  /** Put before the command of a gateway that is spawned. */
  readonly prefix?: readonly string[];
}

export interface TestGateway {
  readonly app: NestExpressApplication;
  /** Without a trailing slash. */
  readonly url: string;
  readonly dataFolder: string;
  /** The gateway's DATABASE_URL. */
  readonly databaseUrl: string;
  stop(): Promise<void>;
}

/** The real gateway inside the test's process, on a port of its own, with a fresh database and the first account. */
export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const { folder, remove } = await dataFolderFor(options);
  const database = await createDatabase();
  await makeRootKey(folder);
  const port = await freePort();
  const environment = { ...environmentFor(folder, port), DATABASE_URL: database.url, ...options.environment };
  const settings = Object.entries(readConfig(environment)).concat(Object.entries(options.config ?? {}));
  const gateway = await startRealGateway(Object.fromEntries(settings) as unknown as Config);
  return {
    app: gateway.app,
    url: `http://127.0.0.1:${port}`,
    dataFolder: folder,
    databaseUrl: database.url,
    async stop() {
      await gateway.stop();
      await database.drop();
      await remove();
    },
  };
}

export interface GatewayProcess {
  readonly url: string;
  readonly dataFolder: string;
  readonly child: ChildProcess;
  /** What it has written so far. */
  output(): string;
  /** Resolves with its exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals>;
  /** Waits until it listens, or throws with its output when it ends before. */
  ready(): Promise<void>;
  /** SIGTERM, unless it has ended; then the data folder goes too, when it was not given. */
  stop(): Promise<void>;
}

let built: Promise<unknown> | undefined;

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * The built gateway as a process of its own with its embedded database, for tests that kill it. `ready()` is not awaited
 * here: some tests want a start that fails.
 */
export async function spawnGateway(options: GatewayOptions = {}): Promise<GatewayProcess> {
  const { folder, remove } = await dataFolderFor(options);
  const port = Number(options.environment?.['PORT'] ?? (await freePort()));
  await (built ??= promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs')]));
  const [command, ...args] = [...(options.prefix ?? []), process.execPath, join(ROOT, 'dist/src/main.js')];
  const child = spawn(command!, args, {
    env: {
      PATH: process.env['PATH'],
      ...environmentFor(folder, port),
      NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/compiled'),
      TESSERA_LOG_LEVEL: 'log',
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const end = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  return {
    url: `http://127.0.0.1:${port}`,
    dataFolder: folder,
    child,
    output: () => output,
    ended: () => end,
    async ready() {
      while (!output.includes('Tessera is ready')) {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`The gateway ended:\n${output}`);
        await pause(10);
      }
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await end;
      await remove();
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function environmentFor(folder: string, port: number): Record<string, string> {
  return {
    PORT: String(port),
    TESSERA_PUBLIC_URL: `http://127.0.0.1:${port}`,
    TESSERA_DATA: folder,
    TESSERA_ADMIN_EMAIL: FIRST_ACCOUNT.email,
    TESSERA_ADMIN_PASSWORD: FIRST_ACCOUNT.password,
    TESSERA_LOG_LEVEL: 'error',
  };
}

async function dataFolderFor(options: GatewayOptions): Promise<{ folder: string; remove(): Promise<void> }> {
  if (options.dataFolder !== undefined) {
    await mkdir(options.dataFolder, { recursive: true });
    return { folder: options.dataFolder, remove: async () => {} };
  }
  const folder = await mkdtemp(join(tmpdir(), 'tessera-data-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** An external database wants a root key that is there. */
async function makeRootKey(folder: string): Promise<void> {
  await writeFile(join(folder, 'root.key'), `1 ${randomBytes(32).toString('base64')}\n`, {
    mode: 0o600,
    flag: 'wx',
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}
