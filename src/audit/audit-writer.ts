import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Database, type Sql } from '../database/index.js';
import { appendToChain, type Head, lockHead, moveHead, takeFromInbox } from './audit.store.js';
import { type ChainedRow, hashOf } from './chain.js';

const ROWS_AT_ONCE = 1000;
/** A transaction that has just told something commits within milliseconds; one look every second finds the rest, and other gateways' entries. */
const SOON_MS = 50;
const LATER_MS = 1000;

/**
 * Moves entries from the inbox into the chain. Every gateway has a writer, and one of them writes at a time: the head's row
 * lock lives and dies with the transaction that inserts, so there is no lease to outlive, and the head is compared again
 * when it moves.
 */
@Injectable()
export class AuditWriter implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #log = new Logger('Audit');
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #running = false;
  #nudged = false;

  constructor(private readonly database: Database) {}

  onApplicationBootstrap(): void {
    this.#running = true;
    this.#lookIn(SOON_MS);
  }

  async onModuleDestroy(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#timer);
    await this.#round;
  }

  /** There is something to do soon. */
  nudge(): void {
    if (!this.#running || this.#nudged) return;
    this.#nudged = true;
    this.#lookIn(SOON_MS);
  }

  /** Chains everything that was committed before the call, waiting for another writer where there is one. */
  async flush(): Promise<void> {
    while ((await this.#chainSome(true)) === ROWS_AT_ONCE);
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#round = this.#look()), ms).unref();
  }

  async #look(): Promise<void> {
    this.#nudged = false;
    try {
      while (this.#running && (await this.#chainSome(false)) === ROWS_AT_ONCE);
    } catch (error) {
      this.#log.warn(`The record could not be written on: ${error instanceof Error ? error.message : 'unknown'}`);
    }
    if (this.#running && !this.#nudged) this.#lookIn(LATER_MS);
  }

  #chainSome(wait: boolean): Promise<number> {
    return this.database.tx(async (sql) => {
      const head = await lockHead(sql, wait);
      return head === null ? 0 : chainNext(sql, head);
    });
  }
}

async function chainNext(sql: Sql, head: Head): Promise<number> {
  const waiting = await takeFromInbox(sql, ROWS_AT_ONCE);
  if (waiting.length === 0) return 0;
  const rows: ChainedRow[] = [];
  let before = head.hash;
  for (const [index, { id: _, ...entry }] of waiting.entries()) {
    const row = { ...entry, seq: String(head.seq + 1 + index) };
    const hash = hashOf(row, before);
    rows.push({ ...row, prev_hash: before, hash });
    before = hash;
  }
  await appendToChain(sql, rows);
  if (!(await moveHead(sql, head, { seq: head.seq + rows.length, hash: before }))) {
    throw new Error('The head of the record moved under its lock.');
  }
  return rows.length;
}
