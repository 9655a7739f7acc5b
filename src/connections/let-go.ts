import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '../database/index.js';
import { ConnectionPool } from './connection-pool.js';
import { connectionById, lockConnection, type ConnectionRow } from './connections.store.js';
import { forgetConnection, isChosenBy } from './leaving.store.js';
import { AdminsOnly, ConnectionUnknown } from './errors.js';
import { Spreads } from './spreads.js';
import { Tokens } from './tokens.js';

interface LeavingOwner {
  readonly account: string;
  readonly admin: boolean;
}

/** Lets a connection go: what opened it is forgotten, here and in its row. What lies there is a matter of later rooms. */
@Injectable()
export class LetGo {
  constructor(
    private readonly database: Database,
    private readonly pool: ConnectionPool,
    private readonly spreads: Spreads,
    private readonly tokens: Tokens,
  ) {}

  /** Throws ConnectionUnknown, also for somebody else's; AdminsOnly for the house's. */
  async theirs(by: LeavingOwner, id: string, sql: Sql = this.database, lock = false): Promise<ConnectionRow> {
    const row = await (lock ? lockConnection(sql, id) : connectionById(sql, id));
    if (!row || (row.account !== null && row.account !== by.account)) throw new ConnectionUnknown();
    if (row.account === null && !by.admin) throw new AdminsOnly();
    return row;
  }

  /** Whether the default storage of the account names it; of anybody, for a connection of the house. */
  isChosen(sql: Sql, { id, account }: ConnectionRow): Promise<boolean> {
    return isChosenBy(sql, id, account);
  }

  /** Destroys the credentials and ends the connection, in the caller's transaction, which holds its row. */
  forget(sql: Sql, id: string): Promise<void> {
    return forgetConnection(sql, id);
  }

  /** After the commit: this gateway at once; others notice within a second or two. */
  async close(id: string): Promise<void> {
    this.spreads.forget();
    this.tokens.forget(id);
    await this.pool.close(id);
  }
}
