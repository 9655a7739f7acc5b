import { Injectable } from '@nestjs/common';
import type { ConnectionChange } from '#contracts';
import { AuditRecord } from '../audit/index.js';
import { Database } from '../database/index.js';
import type { Connector } from './connect.js';
import { connectionById, updateConnection, type ConnectionRow } from './connections.store.js';
import { AdminsOnly, ConnectionUnknown } from './errors.js';

/** Changes what its owner may change of a connection; the house's belong to the admins. */
@Injectable()
export class ChangeConnection {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditRecord,
  ) {}

  run(by: Connector, id: string, change: ConnectionChange): Promise<ConnectionRow> {
    return this.database.tx(async (sql) => {
      const row = await connectionById(sql, id);
      if (!row || (row.account !== null && row.account !== by.account)) throw new ConnectionUnknown();
      if (row.account === null && !by.admin) throw new AdminsOnly();
      const changed = {
        ...row,
        ...Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)),
      };
      await updateConnection(sql, changed);
      await this.audit.append(sql, {
        actor: by.account,
        account: row.account,
        action: 'connection.changed',
        subject: id,
        details: { fields: Object.keys(change).sort() },
      });
      return changed;
    });
  }
}
