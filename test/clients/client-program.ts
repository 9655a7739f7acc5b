import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { call, signIn } from '../support/people.js';

export interface Site {
  readonly gateway: TestGateway;
  /** Of the account's tree: ends in a slash. */
  readonly dav: string;
  readonly email: string;
  readonly password: string;
  readonly token: string;
  /** For what the program keeps. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** A gateway, and somebody who made an app password for a program. */
export async function openSite(): Promise<Site> {
  const gateway = await startGateway();
  const token = await signIn(gateway);
  const made = await call(gateway, '/api/auth/app-passwords', { token, body: { label: 'a program' } });
  const { username, password } = made.json<{ username: string; password: string }>();
  const folder = await mkdtemp(join(tmpdir(), 'tessera-client-'));
  return {
    gateway,
    dav: `${gateway.url}/dav/`,
    email: username,
    password,
    token,
    folder,
    async stop() {
      await gateway.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Ran {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a program of Debian's to its end. Not there? Then the test fails: it is not skipped. */
export async function run(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; input?: string } = {},
): Promise<Ran> {
  const { promise, resolve, reject } = Promise.withResolvers<Ran>();
  const child = spawn(command, args, { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: 'pipe' });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.on('error', (cause) => reject(new Error(`These tests need ${command}: apt-get install it`, { cause })));
  child.on('close', (code) => resolve({ code, output }));
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  return promise;
}

/** The same, where anything but success fails the test with all that was said. */
export async function succeed(...call: Parameters<typeof run>): Promise<string> {
  const { code, output } = await run(...call);
  if (code !== 0) throw new Error(`${call[0]} ${call[1].join(' ')} ended with ${code}:\n${output}`);
  return output;
}

/** How much of something: `npm run test:clients` takes more time than the daily run has. */
export function at<T>(scale: { daily: T; full: T }): T {
  return process.env['CLIENTS'] === 'full' ? scale.full : scale.daily;
}
