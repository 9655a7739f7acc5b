import { Injectable } from '@nestjs/common';
import type { AuditPage, AuditQuery, AuditRow, AuditVerdict } from '#contracts';
import { Database } from '../database/index.js';
import { type ListedRow, listChain, readChain, readHead } from './audit.store.js';
import { AuditWriter } from './audit-writer.js';
import { type ChainedRow, hashOf, NOTHING_BEFORE } from './chain.js';
import { NOBODY } from './entry.js';

const ROWS_AT_ONCE = 1000;

/** Reads the record, and tells whether it is whole. Writes what is waiting first, so that a reader sees what was done just now. */
@Injectable()
export class ReadRecord {
  constructor(
    private readonly database: Database,
    private readonly writer: AuditWriter,
  ) {}

  async list(query: AuditQuery): Promise<AuditPage> {
    await this.writer.flush();
    const after = /^\d{1,15}$/.test(query.cursor ?? '') ? Number(query.cursor) : null;
    const rows = await listChain(this.database, query, after);
    const items = rows.slice(0, query.limit).map(asRow);
    return rows.length > query.limit ? { items, nextCursor: String(items.at(-1)!.seq) } : { items };
  }

  /**
   * Walks the chain from its first row to the head. Finds a row that was changed, taken out, put in, moved or made twice, and
   * a cut end. Does not find a chain that somebody with the database rewrote from some row to its head: for that, a head
   * written down elsewhere is compared.
   */
  async verify(): Promise<AuditVerdict> {
    await this.writer.flush();
    const head = await readHead(this.database);
    if (head === null) return broken(0, { seq: 0, hash: NOTHING_BEFORE }, 0, 'the head is gone');
    let before: { seq: number; hash: Buffer } = { seq: 0, hash: NOTHING_BEFORE };
    for await (const row of this.#rows()) {
      if (before.seq === head.seq && (await this.#wasWrittenSince(head.seq))) break;
      const reason = whatIsWrong(row, before);
      if (reason !== null) return broken(before.seq, head, before.seq + 1, reason);
      before = { seq: before.seq + 1, hash: row.hash };
    }
    if (before.seq < head.seq) return broken(before.seq, head, before.seq + 1, 'rows are missing at the end');
    if (!before.hash.equals(head.hash))
      return broken(before.seq, head, before.seq, 'the head does not fit the last row');
    return { ok: true, rows: before.seq, head: { seq: head.seq, hash: head.hash.toString('hex') } };
  }

  /** Rows beyond the head that was read are honest only if the head has moved on meanwhile. */
  async #wasWrittenSince(seq: number): Promise<boolean> {
    const now = await readHead(this.database);
    return now !== null && now.seq > seq;
  }

  async *#rows(): AsyncGenerator<ChainedRow> {
    let after = { seq: '-9223372036854775808', account: NOBODY };
    for (;;) {
      const page = await readChain(this.database, after, ROWS_AT_ONCE);
      yield* page;
      if (page.length < ROWS_AT_ONCE) return;
      after = page.at(-1)!;
    }
  }
}

function whatIsWrong(row: ChainedRow, before: { seq: number; hash: Buffer }): string | null {
  if (row.seq !== String(before.seq + 1))
    return Number(row.seq) > before.seq ? 'the row is missing' : `row ${row.seq} is there twice`;
  if (!row.prev_hash.equals(before.hash)) return 'the row does not follow the one before';
  if (!row.hash.equals(hashOf(row, before.hash))) return 'the row was changed';
  return null;
}

function broken(rows: number, head: { seq: number; hash: Buffer }, seq: number, reason: string): AuditVerdict {
  return { ok: false, rows, head: { seq: head.seq, hash: head.hash.toString('hex') }, brokenAt: { seq, reason } };
}

function asRow(row: ListedRow): AuditRow {
  return {
    seq: row.seq,
    at: row.at.toISOString(),
    actor: row.actor,
    account: row.account === NOBODY ? null : row.account,
    action: row.action,
    subject: row.subject,
    details: asDetails(row.details),
    hash: row.hash.toString('hex'),
  };
}

/** A tampered row may hold anything; it is shown as it is. */
function asDetails(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { unreadable: text };
  }
}
