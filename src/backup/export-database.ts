import { createHash } from 'node:crypto';
import type pg from 'pg';
import { copyOut, sqlOn } from '../database/index.js';
import { BACKUP_FORMAT, jsonRecord, type RawRecord, record, type Table } from './records.js';
import { BEGIN_SNAPSHOT, copyOutOf, guessedRows, snapshotFacts, speakPlainly, tablesToKeep } from './tables.store.js';

export interface Exported {
  readonly madeAt: Date;
  readonly tables: number;
  readonly rows: number;
  /** Hexadecimal. */
  readonly digest: string;
}

export interface Watched {
  /** Called now and then: with rows so far, and how many the planner guesses in all. */
  progress?(rows: number, guessed: number): Promise<void>;
}

/** The whole database as it was at one moment, on one connection of its own; holds a few pieces of some 256 KiB and nothing else. */
export class ExportDatabase {
  private readonly overall = createHash('sha256');
  private tables = 0;
  private rows = 0;
  private madeAt = '';
  private digest = '';

  constructor(
    private readonly client: pg.Client,
    private readonly id: string,
    private readonly watched: Watched = {},
  ) {}

  /** Known when all was read. */
  get result(): Exported {
    return { madeAt: new Date(this.madeAt), tables: this.tables, rows: this.rows, digest: this.digest };
  }

  async *pieces(): AsyncGenerator<Buffer> {
    const sql = sqlOn(this.client);
    await speakPlainly(sql);
    await sql.query(BEGIN_SNAPSHOT);
    const facts = await snapshotFacts(sql);
    this.madeAt = facts.madeAt;
    yield* this.told(jsonRecord('begin', { format: BACKUP_FORMAT, id: this.id, ...facts }));
    const guessed = await guessedRows(sql);
    for (const table of await tablesToKeep(sql)) {
      yield* this.table(table);
      await this.watched.progress?.(this.rows, Math.max(guessed, this.rows));
    }
    await sql.query('commit');
    this.digest = this.overall.copy().digest('hex');
    yield* this.told(jsonRecord('end', { tables: this.tables, rows: this.rows, digest: this.digest }));
  }

  private async *table(table: Table): AsyncGenerator<Buffer> {
    yield* this.told(jsonRecord('table', table));
    const hash = createHash('sha256');
    const copying = copyOut(this.client, copyOutOf(table));
    let next = await copying.next();
    for (; next.done !== true; next = await copying.next()) {
      hash.update(next.value);
      yield* this.told(record('rows', next.value));
    }
    const rows = next.value;
    yield* this.told(jsonRecord('table-end', { rows, digest: hash.digest('hex') }));
    this.tables += 1;
    this.rows += rows;
  }

  private *told({ head, body }: RawRecord): Generator<Buffer> {
    const whole = Buffer.concat([head, body]);
    this.overall.update(whole);
    yield whole;
  }
}
