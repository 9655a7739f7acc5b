import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { deriveRootKeys, ready, type RootEpoch, type RootKeys, type SecretKey } from '#crypto';
import { Config } from '../config/index.js';
import { Database, type Sql } from '../database/index.js';
import { RootEpochMissing, RootKeyUnusable } from './errors.js';
import { anyAccount, epochsInUse, knownEpochs, lockEpochs, rememberEpoch } from './keys.store.js';
import { makeRootKeyFile, readRootKeyFile } from './root-key-file.js';

/**
 * The root key's epochs as this gateway holds them. The file is the only place where a root key
 * lies; the database knows fingerprints. A file that does not fit the database stops the start: a
 * key made or swapped beside existing data would seal new files under a key nobody has a copy of.
 */
@Injectable()
export class RootKeyring implements OnModuleInit {
  private readonly log = new Logger('keys');
  private readonly epochs = new Map<number, RootKeys>();

  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
  ) {}

  get currentEpoch(): number {
    return Math.max(...this.epochs.keys());
  }

  get current(): RootKeys {
    return this.epoch(this.currentEpoch);
  }

  epoch(epoch: number): RootKeys {
    const keys = this.epochs.get(epoch);
    if (!keys) throw new RootEpochMissing(epoch);
    return keys;
  }

  /** Newest first: for what may have been sealed under an older epoch and does not say which. */
  all(): RootKeys[] {
    return [...this.epochs.keys()].sort((a, b) => b - a).map((epoch) => this.epoch(epoch));
  }

  async onModuleInit(): Promise<void> {
    await ready;
    const keys = await this.readOrMake();
    for (const [epoch, key] of keys) this.epochs.set(epoch, deriveRootKeys(key));
    await this.database.tx((sql) => this.matchDatabase(sql));
  }

  /** A key is made only for a database of our own that nothing was ever sealed for. */
  private async readOrMake(): Promise<Map<number, SecretKey>> {
    const path = this.config.rootKeyFile;
    const found = await readRootKeyFile(path);
    if (found) return found;
    const virgin = await this.database.tx(
      async (sql) => (await knownEpochs(sql)).length === 0 && !(await anyAccount(sql)),
    );
    if (!virgin || this.config.databaseUrl !== null) {
      throw new RootKeyUnusable(
        `TESSERA_ROOT_KEY_FILE: there is no file at this path, and ${virgin ? 'an external database needs one' : 'the database was made with one'}.`,
      );
    }
    await makeRootKeyFile(path);
    this.log.log('Made a root key. Keep a copy of it apart from the database: without it nothing can be read.');
    return (await readRootKeyFile(path)) as Map<number, SecretKey>;
  }

  /**
   * Every epoch that the database knows and the file holds must be the same key, every epoch still
   * in use must be in the file, and a new epoch is taken in only above the known ones and beside
   * the one that was current: that is what a rotation looks like, and nothing else.
   */
  private async matchDatabase(sql: Sql): Promise<void> {
    await lockEpochs(sql);
    const known = new Map((await knownEpochs(sql)).map((row) => [row.epoch, row.fingerprint]));
    const newest = Math.max(0, ...known.keys());
    if (known.size > 0 && !this.epochs.has(newest)) {
      throw new RootKeyUnusable(
        `TESSERA_ROOT_KEY_FILE: lacks epoch ${newest}, which this database was last used with.`,
      );
    }
    const lacking = (await epochsInUse(sql)).find((epoch) => !this.epochs.has(epoch));
    if (lacking !== undefined) {
      throw new RootKeyUnusable(`TESSERA_ROOT_KEY_FILE: lacks epoch ${lacking}, which this database still needs.`);
    }
    for (const [epoch, keys] of this.epochs) {
      const fingerprint = known.get(epoch);
      if (fingerprint?.equals(keys.fingerprint)) continue;
      if (fingerprint || epoch < newest) {
        throw new RootKeyUnusable(`TESSERA_ROOT_KEY_FILE: epoch ${epoch} is not the key that this database knows.`);
      }
      await rememberEpoch(sql, epoch, keys.fingerprint);
    }
  }
}

/** For a program that has no gateway around it: the root keys of the file, newest first. Null where there is none. */
export async function rootKeysIn(path: string): Promise<RootEpoch[] | null> {
  await ready;
  const found = await readRootKeyFile(path);
  if (!found) return null;
  const epochs = [...found].map(([epoch, key]) => ({ epoch, keys: deriveRootKeys(key) }));
  return epochs.sort((one, other) => other.epoch - one.epoch);
}
