import { spawn, type SpawnOptions } from 'node:child_process';
import { chown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseUnusable } from '../faults.js';

/** In what rank Postgres runs: it refuses root, so root gives its rank up in one of these ways. */
export interface Rank {
  readonly name: string;
  /** Put before the program. */
  readonly prefix: readonly string[];
  readonly spawn: Pick<SpawnOptions, 'uid' | 'gid'>;
  /** To whom the cluster's files must belong, or null when they are ours anyway. */
  readonly owner: number | null;
}

const NOBODY = 65_534;
const CAPABILITIES = '+dac_override,+dac_read_search';

/** Sends Postgres SIGINT (a fast, clean stop) when the gateway dies, whatever killed it. */
const WITH_US = ['setpriv', '--pdeathsig', 'INT'];

const FOR_ROOT: readonly Rank[] = [
  {
    // Keeps the right to pass through a 0700 folder, where `nobody` could not reach the programs.
    name: 'setpriv with capabilities',
    prefix: [
      ...WITH_US,
      `--reuid=${NOBODY}`,
      `--regid=${NOBODY}`,
      '--clear-groups',
      '--securebits=+no_setuid_fixup',
      `--inh-caps=${CAPABILITIES}`,
      `--ambient-caps=${CAPABILITIES}`,
    ],
    spawn: {},
    owner: NOBODY,
  },
  {
    name: 'setpriv',
    prefix: [...WITH_US, `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'],
    spawn: {},
    owner: NOBODY,
  },
  { name: 'nobody', prefix: [], spawn: { uid: NOBODY, gid: NOBODY }, owner: NOBODY },
  { name: 'a user namespace', prefix: ['unshare', '-U', ...WITH_US], spawn: {}, owner: 0 },
];

const FOR_OTHERS: readonly Rank[] = [
  { name: 'setpriv', prefix: WITH_US, spawn: {}, owner: null },
  { name: 'plain', prefix: [], spawn: {}, owner: null },
  // A user without a name (a container's --user) is `nobody` in there.
  { name: 'a user namespace', prefix: ['unshare', '-U', ...WITH_US], spawn: {}, owner: null },
];

/** The first rank in which the program runs and can write into the folder. Root hands the folder over on the way. */
export async function findRank(program: string, folder: string): Promise<Rank> {
  const ranks = process.getuid?.() === 0 ? FOR_ROOT : FOR_OTHERS;
  for (const rank of ranks) {
    if (rank.owner !== null) await handOver(folder, rank.owner);
    if (await works(rank, program, folder)) return rank;
  }
  throw new DatabaseUnusable(`TESSERA_DATA holds a folder in which the embedded Postgres cannot run: ${folder}.`);
}

async function works(rank: Rank, program: string, folder: string): Promise<boolean> {
  if (process.platform === 'win32') return true;
  // initdb wants a user who has a name.
  const probe = '"$0" --version && id -un && : > "$1/.probe" && rm "$1/.probe"';
  const [command, ...args] = [...rank.prefix, '/bin/sh', '-c', probe, program, folder];
  return new Promise((resolve) => {
    const child = spawn(command!, args, { ...rank.spawn, stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}

/** Gives a tree to its new owner, unless the top shows that it is his already. */
async function handOver(folder: string, owner: number): Promise<void> {
  if ((await lstat(folder)).uid === owner) return;
  const entries = await readdir(folder, { recursive: true });
  for (const entry of entries) await chown(join(folder, entry), owner, owner);
  await chown(folder, owner, owner);
}
