import { resolve } from 'node:path';
import { Fault } from '#contracts';
import { readConfig } from '../config/index.js';
import { type ReachedDatabase, reachTarget } from '../database/index.js';
import { rootKeysIn } from '../keys/index.js';
import { RootKeyMissing } from './errors.js';
import { restoreBackup } from './restore-backup.js';

class FileMissing extends Fault {}

/** `npm run restore -- FILE`: into an empty database, while no gateway runs on it. */
async function main(file: string | undefined): Promise<void> {
  if (file === undefined) throw new FileMissing('Say which backup: npm run restore -- FILE');
  const config = readConfig();
  const keys = await rootKeysIn(config.rootKeyFile);
  if (!keys) throw new RootKeyMissing(config.rootKeyFile);
  const reached: { database?: ReachedDatabase } = {};
  try {
    const { begin } = await restoreBackup({
      path: resolve(file),
      keys,
      where: config.databaseUrl === null ? `TESSERA_DATA/postgres (${config.dataFolder})` : 'DATABASE_URL',
      say: (line) => console.log(line),
      reach: async () => (reached.database = await reachTarget(config)).connection,
    });
    console.log(`Restored: the gateway as it was at ${begin.madeAt}. Start it as ever.`);
    console.log('It serves what it knows, and deletes nothing on any connection until an admin lifts the hold:');
    console.log('docs/backup.md says what to look at first.');
  } finally {
    await reached.database?.stop();
  }
}

main(process.argv[2]).catch((error: unknown) => {
  // A fault is meant to be read; anything else is a defect, and its stack helps to find it.
  console.error(error instanceof Fault ? error.message : error);
  process.exitCode = 1;
});
