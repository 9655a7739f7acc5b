import { Injectable, Logger } from '@nestjs/common';
import { type BlobName, FolderInUse, type StorageProvider } from '#storage';
import { ConnectionPool, type ConnectionRow, LetGo, RevokeConsent } from '../connections/index.js';
import { giveUpBlobs } from '../contents/index.js';
import { Database } from '../database/index.js';
import type { JobRun } from '../jobs/index.js';
import { inWords } from './clear-blobs.js';
import type { Trouble } from './errors.js';
import { noteConsent, noteEmptied, noteForgotten, type PlaceRow } from './purge.store.js';

interface Leave {
  readonly account: string;
  readonly row: ConnectionRow;
  readonly place: PlaceRow;
  /** Why blobs are left there, where some are. */
  readonly trouble: Trouble | null;
  /** An admin wants it to end, whatever cannot be reached. */
  readonly force: boolean;
}

/**
 * Leaves one of a deleted account's own places: everything of ours there goes, then the vendor is told that the consent is
 * over, then the credentials are destroyed. Each step is noted before the next begins, and may be repeated; the credentials
 * are last, since nothing can be done without them.
 */
@Injectable()
export class LeavePlace {
  private readonly log = new Logger('purge');

  constructor(
    private readonly database: Database,
    private readonly pool: ConnectionPool,
    private readonly letGo: LetGo,
    private readonly consent: RevokeConsent,
  ) {}

  /** Answers what keeps it from the end, or null when the place is left. */
  async run(job: JobRun, leave: Leave): Promise<Trouble | null> {
    const { account, row, place, force } = leave;
    const emptied = place.emptied_at !== null;
    const trouble = emptied ? null : (leave.trouble ?? (await this.empty(job, account, row)));
    if (trouble !== null && !force) return trouble;
    const refusal = place.consent === null ? await this.revoke(job, account, row) : null;
    if (refusal !== null && !force) return refusal;
    await this.database.tx(async (sql) => {
      await job.hold(sql);
      await giveUpBlobs(sql, account, row.id);
      await this.letGo.forget(sql, row.id);
      await noteForgotten(sql, account, row.id, trouble !== null);
    });
    await this.letGo.close(row.id);
    return null;
  }

  /**
   * The place is this account's alone, so that everything in our folder is its own: also what an upload brought to life
   * after its row was deleted. Only what is not ours stays, and the folder with it.
   */
  private async empty(job: JobRun, account: string, row: ConnectionRow): Promise<Trouble | null> {
    try {
      const provider = await this.pool.provider(row.id);
      await this.deleteListed(job, provider);
      await provider.removeFolder({ signal: job.signal }).catch(async (error: unknown) => {
        if (!(error instanceof FolderInUse) || (await this.deleteListed(job, provider)) > 0) throw error;
        this.log.warn(`Connection ${row.id}: what is not ours stays in our folder there.`);
      });
      await noteEmptied(this.database, account, row.id);
      return null;
    } catch (error) {
      job.signal.throwIfAborted();
      return { connection: row.id, provider: row.provider, reason: inWords(error) };
    }
  }

  private async deleteListed(job: JobRun, provider: StorageProvider): Promise<number> {
    let deleted = 0;
    for (let cursor: string | undefined; ;) {
      const page = await provider.list(cursor, { signal: job.signal });
      for (const { name, foreign } of page.entries) {
        if (foreign) continue;
        await provider.delete(name as BlobName, { signal: job.signal });
        deleted += 1;
      }
      cursor = page.nextCursor;
      if (cursor === undefined) return deleted;
    }
  }

  private async revoke(job: JobRun, account: string, row: ConnectionRow): Promise<Trouble | null> {
    try {
      const { outcome } = await this.consent.run(row);
      await noteConsent(this.database, account, row.id, outcome);
      return null;
    } catch (error) {
      job.signal.throwIfAborted();
      return { connection: row.id, provider: row.provider, reason: inWords(error) };
    }
  }
}
