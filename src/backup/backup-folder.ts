import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BackupFolderUnusable } from './errors.js';

const STAMPED = 'tessera-(\\d{4})(\\d\\d)(\\d\\d)T(\\d\\d)(\\d\\d)(\\d\\d)Z-[0-9a-f]{8}\\.backup';
const NAME = new RegExp(`^${STAMPED}$`);
const UNFINISHED = new RegExp(`^${STAMPED}\\.unfinished$`);

/** Says when it was begun, so that a folder of them sorts by age, and who looks for one at night finds it. */
export function backupName(id: string, at: Date): string {
  const stamp = at
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(/[-:]/g, '');
  return `tessera-${stamp}-${id.slice(-8)}.backup`;
}

export interface KeptBackup {
  readonly name: string;
  readonly madeAt: Date;
}

/** What lies in the folder under a name that this code gives, the newest first. Anything else there is none of ours. */
export async function keptBackups(folder: string): Promise<KeptBackup[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names
    .flatMap((name) => {
      const madeAt = beganAt(name, NAME);
      return madeAt ? [{ name, madeAt }] : [];
    })
    .sort((one, other) => other.madeAt.getTime() - one.madeAt.getTime());
}

/**
 * Writes a file that is there whole or not at all: under another name first, flushed, then given its name. Its folder is
 * ours alone. What killed writers left behind goes when the next one begins.
 */
export async function writeWhole(path: string, pieces: (into: WriteSome) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  const unfinished = `${path}.unfinished`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await open(unfinished, 'wx', 0o600);
    try {
      await pieces(async (source) => file.writeFile(source));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    await flush(folder);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {});
    throw isOfFolder(error) ? new BackupFolderUnusable(folder, error) : error;
  }
}

type WriteSome = (source: AsyncIterable<Uint8Array>) => Promise<void>;

const A_DAY_MS = 86_400_000;

/** What killed writers left behind, when it is so old that nobody can be writing it any more. */
export async function clearUnfinished(folder: string, now: Date): Promise<void> {
  for (const name of await readdir(folder).catch(() => [] as string[])) {
    const begun = beganAt(name, UNFINISHED);
    if (begun && now.getTime() - begun.getTime() > A_DAY_MS) await rm(join(folder, name), { force: true });
  }
}

function beganAt(name: string, pattern: RegExp): Date | undefined {
  const found = pattern.exec(name);
  if (!found) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
}

async function flush(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What the file system says, as opposed to the database's socket: those have no path. */
function isOfFolder(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  const calls = ['open', 'mkdir', 'rename', 'write', 'fsync', 'writev'];
  return code !== undefined && syscall !== undefined && calls.includes(syscall);
}
