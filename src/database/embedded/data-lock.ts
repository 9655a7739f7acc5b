import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DatabaseUnusable } from '../faults.js';

/** The folder is ours alone until `release`, or until this process ends, however it ends. */
export interface DataLock {
  release(): void;
}

/**
 * SQLite's file lock, because Node has none of its own: the kernel drops it with the process, it holds between containers
 * that share the folder, and no stale process number can be mistaken for a living holder.
 */
export function lockFolder(folder: string): DataLock {
  const file = new DatabaseSync(join(folder, 'gateway.lock'));
  try {
    file.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    file.close();
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error;
    throw new DatabaseUnusable(`TESSERA_DATA is in use: another gateway runs on ${folder}.`);
  }
  return { release: () => file.close() };
}

const SQLITE_BUSY = 5;
