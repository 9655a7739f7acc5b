import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Fault } from '#contracts';
import type { RootEpoch } from '#crypto';
import type { Config } from '../config/index.js';
import { type ReachedDatabase, reachTarget } from '../database/index.js';
import { rootKeysIn } from '../keys/index.js';
import { openPlaces, type OpenedPlaces } from './behind-provider.js';
import { BackupNotFound, ConnectionFileUnfit, RootKeyMissing } from './errors.js';
import { FolderOnDisk } from './folder-on-disk.js';
import { fetchBackup, findBackups, type FoundBackup } from './look-through.js';
import { restoreBackup } from './restore-backup.js';

class BackupUnsaid extends Fault {}

const USAGE = `Say which backup:
  npm run restore -- FILE
  npm run restore -- --from CONNECTION.json [NAME]     from a connection that kept backups
  npm run restore -- --from-folder FOLDER [NAME]       from a folder that was downloaded from one, or a local vault
With --list they are only shown. Without a NAME the newest is taken.`;

const OPTIONS = { from: { type: 'string' }, 'from-folder': { type: 'string' }, list: { type: 'boolean' } } as const;

type Say = (line: string) => void;

/** `npm run restore`: into an empty database, while no gateway runs on it. */
export async function restoreCommand(args: readonly string[], config: Config, say: Say): Promise<void> {
  const { values, named } = readArguments(args);
  const keys = await rootKeysIn(config.rootKeyFile);
  if (!keys) throw new RootKeyMissing(config.rootKeyFile);
  if (values.from === undefined && values['from-folder'] === undefined) {
    if (named === undefined) throw new BackupUnsaid(USAGE);
    return restore({ config, keys, say }, resolve(named));
  }
  await using opened = await placesOf(values, config, keys);
  const found = await look(opened, keys, say);
  if (values.list) return;
  const wanted = named === undefined ? found[0] : found.find(({ name }) => name === named);
  if (!wanted) throw new BackupNotFound(named);
  const path = join(config.backups.folder, wanted.name);
  say(`Fetching ${wanted.name} to ${path} …`);
  await fetchBackup(wanted, path);
  await restore({ config, keys, say }, path);
}

function readArguments(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    return { values, named: positionals[0] };
  } catch (error) {
    throw new BackupUnsaid(`${(error as Error).message}\n${USAGE}`);
  }
}

async function placesOf(
  { from, 'from-folder': folder }: { from?: string | undefined; 'from-folder'?: string | undefined },
  config: Config,
  keys: readonly RootEpoch[],
): Promise<OpenedPlaces> {
  if (from === undefined) {
    return { places: [new FolderOnDisk(resolve(folder!))], [Symbol.asyncDispose]: async () => {} };
  }
  const { allowHosts } = config;
  return openPlaces({ typed: await typedIn(from), keys, outbound: { allowHosts } });
}

async function typedIn(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new ConnectionFileUnfit(`${file} cannot be read (${error.code}).`);
  });
  try {
    const typed: unknown = JSON.parse(text);
    if (typeof typed === 'object' && typed !== null) return typed as Record<string, unknown>;
  } catch {
    // What is in it may be a password: none of it is repeated.
  }
  throw new ConnectionFileUnfit(`${file} is no JSON of the form {"provider": "webdav", "url": …}.`);
}

async function look({ places }: OpenedPlaces, keys: readonly RootEpoch[], say: Say): Promise<FoundBackup[]> {
  const found: FoundBackup[] = [];
  for (const place of places) {
    say(`Looking through ${place.where} …`);
    const { backups, spoilt } = await findBackups(place, keys);
    found.push(...backups);
    for (const name of spoilt) say(`  ${name} was the head of a backup, and was changed there: passed over.`);
  }
  found.sort((one, other) => (one.head.madeAt < other.head.madeAt ? 1 : -1));
  for (const { name, head } of found) say(`  ${name}  ${head.bytes} bytes, as of ${head.madeAt}`);
  if (found.length === 0) throw new BackupNotFound();
  return found;
}

interface Restoring {
  readonly config: Config;
  readonly keys: readonly RootEpoch[];
  readonly say: Say;
}

async function restore({ config, keys, say }: Restoring, path: string): Promise<void> {
  const reached: { database?: ReachedDatabase } = {};
  try {
    const { begin } = await restoreBackup({
      path,
      keys,
      where: config.databaseUrl === null ? `TESSERA_DATA/postgres (${config.dataFolder})` : 'DATABASE_URL',
      say,
      reach: async () => (reached.database = await reachTarget(config)).connection,
    });
    say(`Restored: the gateway as it was at ${begin.madeAt}. Start it as ever.`);
    say('It serves what it knows, and deletes nothing on any connection until an admin lifts the hold:');
    say('docs/backup.md says what to look at first.');
  } finally {
    await reached.database?.stop();
  }
}
