import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { AuditRecord } from '../audit/index.js';
import { Database, type Sql } from '../database/index.js';
import { Metrics } from '../health/index.js';
import { type BlobFault, type FaultyBlob, newFaults } from './faults.store.js';
import { HOUSE } from './house.js';

/** What readers meet is gathered for so long: a lost place is met thousands of times a second. */
const GATHERED_MS = 500;
/** In one transaction. */
const MOST_AT_ONCE = 1000;
/** Beyond this nothing more is gathered; it is met again. */
const MOST_WAITING = 50_000;

interface Loss extends FaultyBlob {
  readonly fault: BlobFault;
}

/**
 * Writes down which blobs were found missing or damaged, and tells the record: one line for each account and connection
 * that lost something, whatever the number of blobs, in the transaction that notes them.
 */
@Injectable()
export class Losses implements OnApplicationShutdown {
  private readonly log = new Logger('contents');
  private readonly waiting = new Map<string, Loss>();
  private readonly faults: Counter<'fault'>;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly record: AuditRecord,
    metrics: Metrics,
  ) {
    this.faults = metrics.counter({
      name: 'tessera_shard_faults_total',
      help: 'Shards that this gateway was the first to find missing or damaged.',
      labelNames: ['fault'],
    });
  }

  /** A reader goes on meanwhile: what could not be written down now is found by the next reader, or by scrub. */
  met(loss: Loss): void {
    if (this.waiting.size >= MOST_WAITING) return;
    this.waiting.set(loss.blob, loss);
    if (this.timer) return;
    this.timer = setTimeout(() => void this.flush(), GATHERED_MS);
    this.timer.unref();
  }

  /** In the caller's transaction. Answers how many were not known before. */
  async note(
    sql: Sql,
    blobs: readonly FaultyBlob[],
    fault: BlobFault,
    noticedBy: 'reader' | 'repair' | 'scrub',
  ): Promise<number> {
    const groups = await newFaults(sql, blobs, fault);
    let fresh = 0;
    for (const { account, connection, blobs: count } of groups) {
      fresh += count;
      const details = { fault, blobs: count, noticedBy };
      const whose = account === HOUSE ? null : account;
      await this.record.append(sql, { account: whose, action: 'shards.lost', subject: connection, details });
    }
    if (fresh > 0) this.faults.inc({ fault }, fresh);
    return fresh;
  }

  /** Writes down what was gathered so far. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    return (this.writing = this.writing.then(() => this.write()));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.flush();
  }

  private async write(): Promise<void> {
    const all = [...this.waiting.values()];
    this.waiting.clear();
    for (const fault of ['missing', 'damaged'] as const) {
      const blobs = all.filter((loss) => loss.fault === fault);
      for (let at = 0; at < blobs.length; at += MOST_AT_ONCE) {
        const some = blobs.slice(at, at + MOST_AT_ONCE);
        await this.database
          .tx((sql) => this.note(sql, some, fault, 'reader'))
          .catch((failure: Error) => this.log.warn(`${some.length} faults were not noted: ${failure.message}`));
      }
    }
  }
}
