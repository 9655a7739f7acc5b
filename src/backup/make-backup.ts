import { randomUUIDv7 } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import type { PoolConfig } from 'pg';
import { type RootEpoch, sealBackup } from '#crypto';
import { openClient, sqlOn } from '../database/index.js';
import { backupName, clearUnfinished, writeWhole } from './backup-folder.js';
import { RootKeyUnfit } from './errors.js';
import { ExportDatabase, type Watched } from './export-database.js';
import { readBackup } from './read-backup.js';
import { databaseNow, fingerprintOf } from './tables.store.js';

/** What is compressed at one step: each costs a turn in another thread. */
const STEP = 256 * 1024;

export interface Order extends Watched {
  readonly connection: PoolConfig;
  readonly root: RootEpoch;
  /** A folder, in which the backup gets a name of its own; or the file to be. */
  readonly into: { readonly folder: string } | { readonly file: string };
  readonly signal?: AbortSignal;
}

export interface MadeBackup {
  readonly id: string;
  readonly path: string;
  readonly madeAt: Date;
  readonly bytes: number;
  readonly rows: number;
  readonly tables: number;
  readonly digest: string;
}

/**
 * Makes one backup and proves it: what was written is read again from the disk, opened, and compared with what was read
 * from the database. One that does not prove itself is taken away, and what was there before stays.
 */
export async function makeBackup(order: Order): Promise<MadeBackup> {
  const client = await openClient(order.connection);
  try {
    const sql = sqlOn(client);
    const fingerprint = await fingerprintOf(sql, order.root.epoch);
    if (!fingerprint?.equals(order.root.keys.fingerprint)) throw new RootKeyUnfit(order.root.epoch);
    const id = randomUUIDv7();
    const path = await pathOf(order, id, await databaseNow(sql));
    const exporting = new ExportDatabase(client, id, order);
    await writeWhole(path, (write) =>
      pipeline(
        exporting.pieces(),
        createZstdCompress({ chunkSize: STEP }),
        (plain: AsyncIterable<Buffer>) => sealBackup(order.root, id, plain),
        write,
        { ...(order.signal && { signal: order.signal }) },
      ),
    );
    const { digest, madeAt, rows, tables } = exporting.result;
    await prove(path, order, digest);
    return { id, path, madeAt, bytes: (await stat(path)).size, rows, tables, digest };
  } finally {
    await client.end().catch(() => {});
  }
}

async function pathOf({ into }: Order, id: string, now: Date): Promise<string> {
  if ('file' in into) return into.file;
  await clearUnfinished(into.folder, now);
  return join(into.folder, backupName(id, now));
}

async function prove(path: string, { root, signal }: Order, digest: string): Promise<void> {
  try {
    const read = await readBackup(path, root, undefined, signal);
    if (read.digest !== digest) throw new Error('What was written is not what was read.');
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}
