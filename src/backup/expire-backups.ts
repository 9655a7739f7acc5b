import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keptBackups } from './backup-folder.js';
import type { MadeBackup } from './make-backup.js';

const DAY_MS = 86_400_000;

/**
 * Deletes what is older than so many days, counted from a backup that has just been proved: so the newest that is known to
 * be readable never goes, and while backups fail the last ones stay. Nor does any while a hold stands: this database was
 * restored, and perhaps from the wrong one. Answers the paths.
 */
export async function expireBackups(folder: string, days: number, newest: MadeBackup): Promise<string[]> {
  const gone: string[] = [];
  for (const { name, madeAt } of await keptBackups(folder)) {
    const path = join(folder, name);
    if (path === newest.path || newest.madeAt.getTime() - madeAt.getTime() < days * DAY_MS) continue;
    await rm(path, { force: true });
    gone.push(path);
  }
  return gone;
}
