import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DatabaseUnusable } from '../faults.js';
import { clusterName, settingsFor } from './cluster.js';
import { endLeftBehind } from './left-behind.js';
import type { Rank } from './rank.js';

export interface Launch {
  readonly postgres: string;
  readonly rank: Rank;
  readonly home: string;
  readonly cluster: string;
  readonly socketFolder: string;
  readonly durable: boolean;
}

const START_PATIENCE_MS = 10_000;
const STOP_PATIENCE_MS = 20_000;
const LARGEST_LOG = 8 * 1024 * 1024;

/** Starts Postgres and waits until it takes connections. For 10 s it is tried again: a killed one may still let go of its files. */
export async function startPostmaster(launch: Launch): Promise<ChildProcess> {
  const name = clusterName(launch.cluster);
  const deadline = performance.now() + START_PATIENCE_MS;
  for (;;) {
    await endLeftBehind(launch.cluster, name, START_PATIENCE_MS);
    const child = await launchOnce(launch, name);
    if (await becameReady(child, launch.cluster)) return child;
    if (performance.now() > deadline) {
      throw new DatabaseUnusable(`The embedded database does not start; ${join(launch.home, 'log')} says why.`);
    }
    await pause(100);
  }
}

/** A fast, clean stop: sessions are ended, everything is written. */
export async function stopPostmaster(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  const impatience = setTimeout(() => child.kill('SIGQUIT'), STOP_PATIENCE_MS);
  await ended;
  clearTimeout(impatience);
}

async function launchOnce(launch: Launch, name: string): Promise<ChildProcess> {
  const path = join(launch.home, 'log');
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  const log = await open(path, size > LARGEST_LOG ? 'w' : 'a', 0o600);
  try {
    const options = settingsFor(launch.socketFolder, name, launch.durable);
    const [command, ...args] = [...launch.rank.prefix, launch.postgres, '-D', launch.cluster, ...options];
    // A session of its own: Ctrl-C in a terminal reaches the gateway only, which stops its database last.
    const child = spawn(command!, args, {
      ...launch.rank.spawn,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { LC_ALL: 'C', TZ: 'UTC' },
    });
    child.on('error', () => {});
    return child;
  } finally {
    await log.close();
  }
}

/** Postgres writes its state into the eighth line of its lock file. */
async function becameReady(child: ChildProcess, cluster: string): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const lines = (await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return true;
    await pause(5);
  }
  return false;
}
