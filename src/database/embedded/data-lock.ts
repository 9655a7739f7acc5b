import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { DatabaseUnusable } from '../faults.js';

/** The folder is ours alone until `release`, or until this process ends, however it ends. */
export interface DataLock {
  release(): void;
}

/** A gateway that is just stopping lets go within this time. */
const PATIENCE_MS = 3000;
const SQLITE_BUSY = 5;

/**
 * SQLite's file lock, because Node has none of its own: the kernel drops it with the process, it holds between containers
 * that share the folder, and no stale process number can be mistaken for a living holder.
 */
export async function lockFolder(folder: string, patienceMs = PATIENCE_MS): Promise<DataLock> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const lock = tryLock(folder);
    if (lock !== null) return lock;
    if (performance.now() > deadline) {
      throw new DatabaseUnusable(`TESSERA_DATA is in use: another gateway runs on ${folder}.`);
    }
    await pause(50);
  }
}

function tryLock(folder: string): DataLock | null {
  const file = new DatabaseSync(join(folder, 'gateway.lock'));
  try {
    file.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return { release: () => file.close() };
  } catch (error) {
    file.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return null;
    throw error;
  }
}
