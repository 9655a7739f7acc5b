import { Injectable, type OnModuleInit } from '@nestjs/common';
import { RetireAccount } from '../accounts/index.js';
import { AuditRecord } from '../audit/index.js';
import { connectionsOf } from '../connections/index.js';
import { condemnAll, dropAllContents } from '../contents/index.js';
import { Database } from '../database/index.js';
import { dropTree } from '../files/index.js';
import { JobKinds, type JobRun } from '../jobs/index.js';
import { dropUploads } from '../transfers/index.js';
import { ClearBlobs } from './clear-blobs.js';
import { PurgeUnfinished, type Trouble } from './errors.js';
import { LeavePlace } from './leave-place.js';
import { addPlaces, endPurge, placesOf, purgeOf, type PlaceRow } from './purge.store.js';

export const PURGE_ACCOUNT = 'purge-account';

/**
 * Clears away what a deleted account has left, whose keys are gone already.
 *
 *  1. Its contents are erased once more, for uploads that were on their way; their blobs are condemned.
 *  2. Names, folders, versions, chunks: every row of its tree.
 *  3. The blobs, on every cloud, its own and the house's.
 *  4. Its own clouds, one by one: our folder, the consent, the credentials.
 *  5. Its e-mail address; and the record is told which clouds were left, and what could not be reached.
 *
 * Every step looks what is left to do, so that it goes on wherever it was killed. What cannot be reached is tried again for
 * ever, the others meanwhile are done; an admin may say that it shall end without.
 */
@Injectable()
export class PurgeAccount implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly kinds: JobKinds,
    private readonly blobs: ClearBlobs,
    private readonly place: LeavePlace,
    private readonly retirement: RetireAccount,
    private readonly audit: AuditRecord,
  ) {}

  onModuleInit(): void {
    const kind = { name: PURGE_ACCOUNT, attempts: null, cancellable: false };
    this.kinds.register({ ...kind, run: (job) => this.run(job) });
  }

  private async run(job: JobRun): Promise<void> {
    const account = job.ids['account'] as string;
    const purge = await purgeOf(this.database, account);
    if (!purge || purge.ended_at !== null) return;
    const force = purge.settled_at !== null;
    await condemnAll(this.database, account, job.signal);
    await dropUploads(this.database, account);
    await dropTree(this.database, account, job.signal);
    await dropAllContents(this.database, account, job.signal);
    const troubles = await this.blobs.run(job, account);
    const left = await this.leavePlaces(job, { account, force, troubles });
    if (left.length > 0) {
      await job.progress({ note: `${left.length} clouds could not be reached yet.` });
      throw new PurgeUnfinished(left);
    }
    await this.finish(job, account, purge.began_by, troubles);
  }

  /** Answers what keeps the purge from its end. */
  private async leavePlaces(
    job: JobRun,
    { account, force, troubles }: { account: string; force: boolean; troubles: readonly Trouble[] },
  ): Promise<Trouble[]> {
    const own = await connectionsOf(this.database, account);
    const ids = own.map(({ id }) => id);
    await addPlaces(this.database, account, ids);
    const places = new Map((await placesOf(this.database, account)).map((place) => [place.connection, place]));
    const left = force ? [] : troubles.filter(({ connection }) => !ids.includes(connection));
    for (const row of own) {
      const trouble = troubles.find(({ connection }) => connection === row.id) ?? null;
      const place = places.get(row.id) as PlaceRow;
      const remaining = await this.place.run(job, { account, row, place, trouble, force });
      if (remaining) left.push(remaining);
    }
    return left;
  }

  private async finish(job: JobRun, account: string, by: string, troubles: readonly Trouble[]): Promise<void> {
    await job.progress({ note: null });
    await this.database.tx(async (sql) => {
      await job.hold(sql);
      const places = await placesOf(sql, account);
      const own = new Set(places.map(({ connection }) => connection));
      await this.retirement.eraseAddress(sql, account);
      await endPurge(sql, account);
      await this.audit.append(sql, {
        actor: by,
        account,
        action: 'cloud.credentials_purged',
        subject: account,
        details: {
          providers: namesOf(places),
          consents: counted(places.map(({ consent }) => consent ?? 'unasked')),
          unreached: namesOf(places.filter(({ unreached }) => unreached)),
          houseUnreached: namesOf(troubles.filter(({ connection }) => !own.has(connection))),
        },
      });
    });
  }
}

function namesOf(places: readonly { provider: string }[]): string[] {
  return [...new Set(places.map(({ provider }) => provider))].sort();
}

function counted(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
