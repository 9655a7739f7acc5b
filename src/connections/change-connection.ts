import { Injectable } from '@nestjs/common';
import type { ConnectionChange } from '#contracts';
import { SettingRefused } from '#storage';
import { AuditRecord } from '../audit/index.js';
import { Database } from '../database/index.js';
import type { Connector } from './connect.js';
import { ConnectionPool } from './connection-pool.js';
import { lockConnection, updateConnection, type ConnectionRow } from './connections.store.js';
import { AdminsOnly, ConnectionUnknown } from './errors.js';
import { Gates } from './gates.js';
import { setGivenUp } from './giving-up.store.js';
import { Markers } from './marker.js';
import { Spreads } from './spreads.js';

/** Changes what its owner may change of a connection; the house's belong to the admins, and so do alarms. */
@Injectable()
export class ChangeConnection {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditRecord,
    private readonly pool: ConnectionPool,
    private readonly markers: Markers,
    private readonly spreads: Spreads,
    private readonly gates: Gates,
  ) {}

  async run(by: Connector, id: string, change: ConnectionChange): Promise<void> {
    const { acknowledgeAlarm, givenUp, keepsBackups, ...columns } = change;
    const row = await this.database.tx(async (sql) => {
      const found = await lockConnection(sql, id);
      if (!found || (found.account !== null && found.account !== by.account)) throw new ConnectionUnknown();
      if ((found.account === null || acknowledgeAlarm) && !by.admin) throw new AdminsOnly();
      if (change.spool && (found.account !== null || found.provider !== 'local')) {
        throw new SettingRefused('spool', 'Only a vault of the house on a disk can be a spool.');
      }
      if (keepsBackups && found.account !== null) {
        throw new SettingRefused('keepsBackups', 'Only a connection of the house keeps backups.');
      }
      const given = Object.entries({ ...columns, keeps_backups: keepsBackups }).filter(
        ([, value]) => value !== undefined,
      );
      const limits = withoutNulls({ ...found.limits, ...change.limits });
      const changed: ConnectionRow = { ...found, ...Object.fromEntries(given), limits };
      await updateConnection(sql, changed);
      if (givenUp !== undefined) await setGivenUp(sql, id, givenUp ? by.account : null);
      await this.audit.append(sql, {
        actor: by.account,
        account: found.account,
        action: 'connection.changed',
        subject: id,
        details: { fields: Object.keys(change).sort() },
      });
      return changed;
    });
    if (acknowledgeAlarm) await this.markers.acknowledge(row, await this.pool.provider(id));
    this.spreads.forget();
    this.gates.heed(row);
  }
}

/** A limit that is set to null is lifted. */
function withoutNulls(limits: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== null && value !== undefined));
}
