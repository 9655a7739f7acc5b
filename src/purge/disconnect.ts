import { Injectable } from '@nestjs/common';
import type { Leaving } from '#contracts';
import { AuditRecord } from '../audit/index.js';
import { type ConnectionRow, LetGo } from '../connections/index.js';
import { holdsOriginals } from '../contents/index.js';
import { Database } from '../database/index.js';
import { Jobs } from '../jobs/index.js';
import { ConnectionInUse, OriginalsThere } from './errors.js';
import { LookAtLeaving } from './look-at-leaving.js';
import { SETTLE_REMOVED } from './settle-removed-job.js';
import { TidyPlace } from './tidy-place.js';

interface LeavingOwner {
  readonly account: string;
  readonly admin: boolean;
}

/**
 * Removes a connection.
 *
 *  1. What would become unreadable is counted; unless nothing lies there, or its owner wants it all the same, it stays. While
 *     immutable originals would become unreadable it stays, whoever wants it.
 *  2. Deleted files that still lie there are cleared away, as far as the provider answers in time.
 *  3. One transaction, which counts once more: the credentials are destroyed, the row ends, the record is told, and the
 *     settling is asked for. From here on nothing of ours opens the place, in this gateway at once, in others within two
 *     seconds.
 *  4. Our folder is taken away, if nothing lies in it, through what was opened before.
 *
 * Nothing is revoked at the vendor: that could take files with it that somebody needs, and this place, connected anew,
 * lives on the same consent.
 */
@Injectable()
export class Disconnect {
  constructor(
    private readonly database: Database,
    private readonly letGo: LetGo,
    private readonly leaving: LookAtLeaving,
    private readonly place: TidyPlace,
    private readonly jobs: Jobs,
    private readonly audit: AuditRecord,
  ) {}

  async look(by: LeavingOwner, id: string): Promise<Leaving> {
    return this.leaving.run(await this.letGo.theirs(by, id));
  }

  /** Throws ConnectionInUse, OriginalsThere, ConnectionUnknown, AdminsOnly. */
  async run(by: LeavingOwner, id: string, force: boolean): Promise<void> {
    const row = await this.letGo.theirs(by, id);
    const leaving = await this.leaving.run(row);
    if (!leaving.empty && !force) throw new ConnectionInUse(leaving);
    const opened = leaving.empty ? await this.place.open(row) : null;
    try {
      await this.database.tx(async (sql) => {
        await this.letGo.theirs(by, id, sql, true);
        const now = force ? leaving : await this.leaving.run(row, sql);
        if (!now.empty && !force) throw new ConnectionInUse(now);
        if (!now.empty && (await holdsOriginals(sql, id))) throw new OriginalsThere();
        await this.letGo.forget(sql, id);
        await this.jobs.enqueue(sql, { kind: SETTLE_REMOVED, account: row.account, ids: { connection: id } });
        await this.audit.append(sql, this.entry(by, row, now));
      });
      await this.letGo.close(id);
      await opened?.leave();
    } finally {
      await opened?.close();
    }
  }

  private entry(by: LeavingOwner, row: ConnectionRow, { unreadable, degraded }: Leaving) {
    const details = { provider: row.provider, house: row.account === null, unreadable, degraded };
    return { actor: by.account, account: row.account, action: 'connection.removed', subject: row.id, details };
  }
}
