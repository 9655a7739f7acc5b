import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DatabaseUnusable } from '../faults.js';

/** Postgres writes its cluster's name into the title of each of its processes: how we know ours, whatever their numbers. */
export async function processesNamed(clusterName: string): Promise<number[]> {
  const all = process.platform === 'linux' ? await fromProc() : await fromPs();
  return all.filter(({ title }) => title.includes(clusterName)).map(({ pid }) => pid);
}

/**
 * Ends what a killed gateway left running on the cluster, and then removes a lock file that no living process of the
 * cluster stands behind: its number may belong to a stranger by now, and Postgres would refuse to start.
 */
export async function endLeftBehind(cluster: string, clusterName: string, patienceMs: number): Promise<void> {
  const lockFile = join(cluster, 'postmaster.pid');
  const postmaster = await postmasterOf(lockFile);
  const deadline = performance.now() + patienceMs;
  for (let round = 0; ; round += 1) {
    const alive = await processesNamed(clusterName);
    if (alive.length === 0) break;
    if (performance.now() > deadline + patienceMs)
      throw new DatabaseUnusable(`A former database does not end (${alive.join(', ')}).`);
    if (performance.now() > deadline) for (const pid of alive) signal(pid, 'SIGQUIT');
    else if (round === 0) signalGently(alive, postmaster);
    await pause(20);
  }
  await rm(lockFile, { force: true });
}

/** SIGINT to a postmaster is a fast, clean stop of all; without one, each remaining process is asked to end by itself. */
function signalGently(alive: readonly number[], postmaster: number | null): void {
  if (postmaster !== null && alive.includes(postmaster)) return signal(postmaster, 'SIGINT');
  for (const pid of alive) signal(pid, 'SIGTERM');
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone in the meantime.
  }
}

async function postmasterOf(lockFile: string): Promise<number | null> {
  const text = await readFile(lockFile, 'utf8').catch(() => '');
  const pid = Number(text.split('\n')[0]);
  return Number.isInteger(pid) && pid > 1 ? pid : null;
}

interface Running {
  readonly pid: number;
  readonly title: string;
}

async function fromProc(): Promise<Running[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(
    pids.map(async (pid) => ({
      pid: Number(pid),
      title: await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
    })),
  );
}

async function fromPs(): Promise<Running[]> {
  if (process.platform === 'win32') return [];
  const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid=,command='], { maxBuffer: 2 ** 24 });
  return stdout.split('\n').map((line) => {
    const [, pid = '0', title = ''] = /^\s*(\d+) (.*)$/.exec(line) ?? [];
    return { pid: Number(pid), title };
  });
}
