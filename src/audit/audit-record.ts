import { Injectable } from '@nestjs/common';
import type { Sql } from '../database/index.js';
import { putIntoInbox } from './audit.store.js';
import { type AuditEntry, written } from './entry.js';
import { AuditWriter } from './audit-writer.js';

/** Where every room tells what happened. */
@Injectable()
export class AuditRecord {
  constructor(private readonly writer: AuditWriter) {}

  /**
   * Tells the record, inside the caller's own transaction: the entry is there if and only if what it tells about is. Takes
   * no lock. Until the writer has chained it, within about a second, an entry is protected as any other row, not better.
   */
  async append(sql: Sql, entry: AuditEntry): Promise<void> {
    await putIntoInbox(sql, written(entry));
    this.writer.nudge();
  }
}

/** The same for a program without a gateway around it; the next gateway's writer chains it. */
export async function writeEntry(sql: Sql, entry: AuditEntry): Promise<void> {
  await putIntoInbox(sql, written(entry));
}
