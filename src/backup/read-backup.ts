import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { Fault } from '#contracts';
import {
  BACKUP_HEADER_LENGTH,
  type BackupHeader,
  openBackup,
  readBackupHeader,
  type RootEpoch,
  SealBroken,
} from '#crypto';
import { BackupDamaged, BackupOfAnotherKey } from './errors.js';
import {
  BACKUP_FORMAT,
  type Begin,
  type End,
  NoRecord,
  parseRecords,
  type RawRecord,
  type Table,
  type TableEnd,
} from './records.js';

/** What is read, and what is unpacked, at one step. */
const STEP = 256 * 1024;

export interface ReadBackup {
  readonly begin: Begin;
  readonly tables: number;
  readonly rows: number;
  readonly digest: string;
}

/** What is done with a table while a backup is read; its rows end before the next table begins. Answers how many rows it took. */
export type TakeTable = (table: Table, rows: AsyncIterable<Buffer>) => Promise<number>;

/** Which root key a file opens under. Throws BackupDamaged where it is no backup, BackupOfAnotherKey where none of the keys is it. */
export async function keyFor(path: string, keys: readonly RootEpoch[]): Promise<RootEpoch> {
  const header = await headerOf(path);
  const found = keys.find(({ keys: { fingerprint } }) => fingerprint.equals(header.fingerprint));
  if (!found) throw new BackupOfAnotherKey(path, header.epoch);
  return found;
}

export async function headerOf(path: string): Promise<BackupHeader> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new BackupDamaged(path, `cannot be read (${error.code})`);
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BACKUP_HEADER_LENGTH), 0, BACKUP_HEADER_LENGTH, 0);
    const header = readBackupHeader(buffer.subarray(0, bytesRead));
    if (!header) throw new BackupDamaged(path, 'is no backup of Tessera, or its beginning was changed');
    return header;
  } finally {
    await file.close();
  }
}

/**
 * Reads a backup from its first byte to its last: every frame's seal, every table's count and digest, the digest over all.
 * What it hands out before the end is genuine, and only the end says that it is whole. Throws BackupDamaged.
 */
export async function readBackup(
  path: string,
  key: RootEpoch,
  take?: TakeTable,
  signal?: AbortSignal,
): Promise<ReadBackup> {
  const result: { read?: ReadBackup } = {};
  try {
    await pipeline(
      createReadStream(path, { highWaterMark: STEP }),
      (sealed: AsyncIterable<Buffer>) => openBackup(key.keys, sealed),
      createZstdDecompress({ chunkSize: STEP }),
      async (plain: AsyncIterable<Buffer>) => {
        result.read = await new Reading(path, parseRecords(plain), take).run();
      },
      { ...(signal && { signal }) },
    );
  } catch (error) {
    signal?.throwIfAborted();
    throw isDamage(error) ? new BackupDamaged(path) : error;
  }
  return result.read!;
}

function isDamage(error: unknown): boolean {
  if (error instanceof SealBroken || error instanceof NoRecord || error instanceof SyntaxError) return true;
  return !(error instanceof Fault) && /^ZSTD/.test((error as NodeJS.ErrnoException).code ?? '');
}

/** One reading of the records of one file. */
class Reading {
  private readonly overall = createHash('sha256');
  private before = '';
  private tables = 0;
  private rows = 0;

  constructor(
    private readonly path: string,
    private readonly records: AsyncGenerator<RawRecord>,
    private readonly take: TakeTable | undefined,
  ) {}

  async run(): Promise<ReadBackup> {
    const begin = this.json<Begin>(await this.next('begin'));
    if (begin.format !== BACKUP_FORMAT)
      throw new BackupDamaged(this.path, `has format ${begin.format}, which is unknown`);
    for (;;) {
      const found = await this.next('table', 'end');
      if (found.kind === 'end') return await this.end(begin, this.json<End>(found));
      await this.table(this.json<Table>(found));
    }
  }

  private async table(table: Table): Promise<void> {
    const hash = createHash('sha256');
    const state: { end?: TableEnd } = {};
    const rows = this.rowsOf(hash, state);
    const taken = this.take ? await this.take(table, rows) : await drain(rows);
    const { end } = state;
    if (!end || end.digest !== hash.digest('hex') || (taken !== null && taken !== end.rows))
      throw new NoRecord(table.name);
    this.tables += 1;
    this.rows += end.rows;
  }

  private async *rowsOf(hash: ReturnType<typeof createHash>, state: { end?: TableEnd }): AsyncGenerator<Buffer> {
    for (;;) {
      const found = await this.next('rows', 'table-end');
      if (found.kind === 'table-end') {
        state.end = this.json<TableEnd>(found);
        return;
      }
      hash.update(found.body);
      yield found.body;
    }
  }

  private async end(begin: Begin, end: End): Promise<ReadBackup> {
    const whole = end.tables === this.tables && end.rows === this.rows && end.digest === this.before;
    if (!whole || !(await this.records.next()).done) throw new NoRecord('end');
    return { begin, tables: end.tables, rows: end.rows, digest: end.digest };
  }

  private async next(...kinds: RawRecord['kind'][]): Promise<RawRecord> {
    const found = await this.records.next();
    if (found.done === true || !kinds.includes(found.value.kind)) throw new NoRecord(kinds.join(' or '));
    if (found.value.kind === 'end') this.before = this.overall.copy().digest('hex');
    this.overall.update(found.value.head).update(found.value.body);
    return found.value;
  }

  private json<T>({ body }: RawRecord): T {
    return JSON.parse(body.toString('utf8')) as T;
  }
}

async function drain(rows: AsyncIterable<Buffer>): Promise<null> {
  // eslint-disable-next-line no-empty -- only the reading itself is wanted
  for await (const _ of rows) {
  }
  return null;
}
