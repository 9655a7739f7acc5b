import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import pg, { type Pool, type PoolClient, type PoolConfig, type QueryResult, type QueryResultRow } from 'pg';
import type { DataSource } from 'typeorm';
import {
  asFault,
  CommitUnknown,
  DatabaseBusy,
  isConflict,
  isConnectionLoss,
  raisedByConnection,
  TransactionAborted,
} from './faults.js';
import type { Sql, Values } from './sql.js';

export type Isolation = 'read committed' | 'repeatable read' | 'serializable';

export interface TransactionOptions {
  /** Default: read committed. */
  readonly isolation?: Isolation;
  /** How often the whole work is run again after a serialisation failure or a deadlock. Default: 5. */
  readonly retries?: number;
}

/** Waiting requests for each connection of the pool; one more is refused at once. */
const WAITERS_PER_CONNECTION = 100;

/**
 * Transactions and statements. Bounded: at most the pool's connections, a bounded wait for one of them, a bounded queue.
 * A work must not ask the database for a second connection while it holds one: use the `sql` it was given.
 */
export class Database implements Sql {
  readonly #pool: Pool;

  constructor(
    /** TypeORM's view of the same pool. */
    readonly dataSource: DataSource,
    /** For those who need connections of their own (a job queue, LISTEN). */
    readonly connection: PoolConfig,
  ) {
    this.#pool = (dataSource.driver as unknown as { master: Pool }).master;
    surviveLosses(this.#pool);
  }

  /**
   * Runs the work in a transaction and commits. The work runs again, from its beginning, when Postgres asks for it, so it
   * does nothing that a rollback does not undo. Throws what the work throws, after a rollback; DatabaseAway, DatabaseBusy,
   * DatabaseFull, TransactionConflict, TransactionAborted: nothing was applied; CommitUnknown: nobody knows.
   */
  async tx<T>(work: (sql: Sql) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const retries = options.retries ?? 5;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#attempt(work, options.isolation);
      } catch (error) {
        if (attempt >= retries || !isConflict(error)) throw asFault(error);
        await pause(randomInt(2, 5 * 2 ** Math.min(attempt + 1, 6)));
      }
    }
  }

  /**
   * One statement of its own: for reads, and for writes that may safely be repeated. When the connection is lost a write
   * may have been applied all the same (DatabaseAway does not tell); use `tx` where that matters.
   */
  async query<Row extends QueryResultRow>(text: string, values?: Values): Promise<Row[]> {
    return (await this.#single<Row>({ text, values: values as unknown[] })).rows;
  }

  async prepared<Row extends QueryResultRow>(name: string, text: string, values?: Values): Promise<Row[]> {
    return (await this.#single<Row>({ name, text, values: values as unknown[] })).rows;
  }

  async execute(text: string, values?: Values): Promise<number> {
    return (await this.#single({ text, values: values as unknown[] })).rowCount ?? 0;
  }

  /** Throws DatabaseAway or DatabaseBusy unless the database answers. */
  async check(): Promise<void> {
    await this.query('SELECT 1');
  }

  async close(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  async #single<Row extends QueryResultRow>(query: pg.QueryConfig): Promise<QueryResult<Row>> {
    const client = await this.#acquire();
    let lost = false;
    try {
      return await client.query<Row>(query);
    } catch (error) {
      lost = isConnectionLoss(error);
      throw asFault(raisedByConnection(error));
    } finally {
      client.release(lost);
    }
  }

  async #attempt<T>(work: (sql: Sql) => Promise<T>, isolation?: Isolation): Promise<T> {
    const client = await this.#acquire();
    const sql = new TransactionSql(client);
    let usable = false;
    try {
      await sql.query(isolation === undefined ? 'BEGIN' : `BEGIN ISOLATION LEVEL ${isolation}`);
      const result = await work(sql);
      sql.end();
      await commit(client);
      usable = true;
      return result;
    } catch (error) {
      sql.end();
      usable = !(error instanceof CommitUnknown) && (await rolledBack(client));
      throw error;
    } finally {
      client.release(!usable);
    }
  }

  async #acquire(): Promise<PoolClient> {
    const pool = this.#pool;
    if (pool.waitingCount >= pool.options.max * WAITERS_PER_CONNECTION) throw new DatabaseBusy();
    try {
      return await pool.connect();
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('timeout exceeded'))
        throw new DatabaseBusy({ cause: error });
      throw asFault(raisedByConnection(error));
    }
  }
}

/** A connection that dies between two statements of a transaction raises an event; unheard, it would end the process. */
function surviveLosses(pool: Pool): void {
  const heard = new WeakSet<PoolClient>();
  pool.on('acquire', (client) => {
    if (heard.has(client)) return;
    heard.add(client);
    client.on('error', () => {});
  });
}

async function commit(client: PoolClient): Promise<void> {
  let answer: QueryResult;
  try {
    answer = await client.query('COMMIT');
  } catch (error) {
    if (isConnectionLoss(error)) throw new CommitUnknown({ cause: error });
    throw error;
  }
  if (answer.command !== 'COMMIT') throw new TransactionAborted();
}

/** Whether the connection is fit for the next transaction. Postgres itself rolls back when the connection is gone. */
async function rolledBack(client: PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK');
    return true;
  } catch {
    return false;
  }
}

class TransactionSql implements Sql {
  #client: PoolClient | null;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  async query<Row extends QueryResultRow>(text: string, values?: Values): Promise<Row[]> {
    return (await this.#run<Row>({ text, values: values as unknown[] })).rows;
  }

  async prepared<Row extends QueryResultRow>(name: string, text: string, values?: Values): Promise<Row[]> {
    return (await this.#run<Row>({ name, text, values: values as unknown[] })).rows;
  }

  async execute(text: string, values?: Values): Promise<number> {
    return (await this.#run({ text, values: values as unknown[] })).rowCount ?? 0;
  }

  /** From here on the connection may serve somebody else. */
  end(): void {
    this.#client = null;
  }

  async #run<Row extends QueryResultRow>(query: pg.QueryConfig): Promise<QueryResult<Row>> {
    if (this.#client === null) throw new Error('A statement came after the end of its transaction.');
    try {
      return await this.#client.query<Row>(query);
    } catch (error) {
      throw raisedByConnection(error);
    }
  }
}
