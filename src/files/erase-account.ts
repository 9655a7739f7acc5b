import type { Database } from '../database/index.js';
import { dropFiles, dropFolders } from './erase-account.store.js';

const FILES_AT_ONCE = 500;

/** Forgets the whole tree of a deleted account: names, versions, the trash. May be repeated. */
export async function dropTree(database: Database, account: string, signal: AbortSignal): Promise<void> {
  while ((await database.tx((sql) => dropFiles(sql, account, FILES_AT_ONCE))) === FILES_AT_ONCE) {
    signal.throwIfAborted();
  }
  await database.tx(async (sql) => {
    // Whatever was stored in between goes with the folders.
    while ((await dropFiles(sql, account, FILES_AT_ONCE)) === FILES_AT_ONCE);
    await dropFolders(sql, account);
  });
}
