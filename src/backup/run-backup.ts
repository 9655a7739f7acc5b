import { resolve } from 'node:path';
import { Fault } from '#contracts';
import { readConfig } from '../config/index.js';
import { openClient, reachDatabase, sqlOn } from '../database/index.js';
import { rootKeysIn } from '../keys/index.js';
import { isHeld, keepsCopies, keepsList, noteBackup, noteExpired } from './backups.store.js';
import { connectionsBehind } from './copies.store.js';
import { RootKeyMissing } from './errors.js';
import { expireBackups } from './expire-backups.js';
import { makeBackup, type MadeBackup } from './make-backup.js';
import type { ReachedDatabase } from '../database/index.js';

/** `npm run backup [-- FILE]`: makes one now, while the gateway runs or while it does not. Only those in the folder expire. */
async function main(file: string | undefined): Promise<void> {
  const config = readConfig();
  const keys = await rootKeysIn(config.rootKeyFile);
  if (!keys) throw new RootKeyMissing(config.rootKeyFile);
  const reached = await reachDatabase(config);
  try {
    const into = file === undefined ? { folder: config.backups.folder } : { file: resolve(file) };
    const made = await makeBackup({ connection: reached.connection, root: keys[0]!, into });
    const { expired, waiting } = await note(reached, made, file === undefined ? config.backups : null);
    console.log(
      `${made.path}: ${made.bytes} bytes, ${made.tables} tables, ${made.rows} rows, as of ${made.madeAt.toISOString()}.`,
    );
    console.log('It was read back and is whole. It opens with the root key alone: keep a copy of that somewhere else.');
    if (expired.length > 0) console.log(`${expired.length} old ones went.`);
    if (waiting > 0) console.log(`A gateway takes it to ${waiting} connections too, as soon as one runs.`);
  } finally {
    await reached.stop();
  }
}

/** Only backups in the folder expire, and only where the database says that one may. Answers the paths of those that did, and how many connections wait for this one. */
async function note(
  { connection }: ReachedDatabase,
  made: MadeBackup,
  kept: { readonly folder: string; readonly days: number } | null,
): Promise<{ expired: string[]; waiting: number }> {
  const client = await openClient(connection);
  try {
    const sql = sqlOn(client);
    if (!(await keepsList(sql))) return { expired: [], waiting: 0 };
    await noteBackup(sql, made);
    const expired = kept && !(await isHeld(sql)) ? await expireBackups(kept.folder, kept.days, made) : [];
    await noteExpired(sql, expired);
    return { expired, waiting: (await keepsCopies(sql)) ? (await connectionsBehind(sql)).length : 0 };
  } finally {
    await client.end();
  }
}

main(process.argv[2]).catch((error: unknown) => {
  // A fault is meant to be read; anything else is a defect, and its stack helps to find it.
  console.error(error instanceof Fault ? error.message : error);
  process.exitCode = 1;
});
