import { Injectable } from '@nestjs/common';
import { AuditRecord } from '../../audit/index.js';
import {
  AHEAD,
  type ConnectionRow,
  type Found,
  FOREIGN,
  GONE,
  lockConnection,
  raiseAlarm,
} from '../../connections/index.js';
import { Database } from '../../database/index.js';

const WORDS = { newer: AHEAD, other: FOREIGN, nobody: GONE } as const;

/** Raises a connection's alarm, and tells the record once. */
@Injectable()
export class RaiseAlarm {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditRecord,
  ) {}

  async run({ id, account }: ConnectionRow, whose: Exclude<Found['whose'], 'ours'>): Promise<void> {
    await this.database.tx(async (sql) => {
      const row = await lockConnection(sql, id);
      if (!row || row.alarm === WORDS[whose]) return;
      await raiseAlarm(sql, id, WORDS[whose]);
      const action = whose === 'nobody' ? 'connection.wiped' : 'connection.alarm';
      await this.audit.append(sql, { account, action, subject: id, details: { found: whose } });
    });
  }
}
