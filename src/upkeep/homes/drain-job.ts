import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AuditRecord } from '../../audit/index.js';
import { Database } from '../../database/index.js';
import { JobKinds, type JobRun, NotYet } from '../../jobs/index.js';
import { blobsOn, type DrainRow, drainOf, leftOn, type LeftThere, shardsOn } from './drains.store.js';
import { DRAIN } from './kinds.js';
import { MoveMany, newTally, type Tally } from './move-many.js';

const SHARDS_AT_ONCE = 60;
/** Counting goes through all rows of what lies there. */
const TELL_MS = 3_000;
/** What nobody takes now may find a place when somebody has connected one, or made room. */
const AGAIN_SECONDS = 30;

/**
 * Empties a connection. Every shard that lies there moves by itself, and counts at its old place until the new one is
 * proved; so it may stop anywhere, and goes on with what the rows say still lies there. Nothing is remembered.
 *
 *  1. From its first moment nothing new is planned there (Spreads); uploads that had planned with it are waited for, and
 *     what they publish is moved too.
 *  2. All shards, in the order of names, so that one that cannot be moved keeps no other. Those that found no place are
 *     looked at again later: the job waits, for ever if it must, and says for what.
 *  3. Empty is what no row names. Then it is told to the record, and its owner can let it go.
 */
@Injectable()
export class DrainJob implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly kinds: JobKinds,
    private readonly moves: MoveMany,
    private readonly audit: AuditRecord,
  ) {}

  onModuleInit(): void {
    this.kinds.register({
      name: DRAIN,
      attempts: null,
      cancellable: false,
      keyless: true,
      run: (job) => this.run(job),
    });
  }

  private async run(job: JobRun): Promise<void> {
    const connection = job.ids['connection'] as string;
    const tally = newTally();
    let toldAt = -Infinity;
    for (let after = ''; ;) {
      const row = await drainOf(this.database, connection);
      if (!row?.drain_since) {
        if (await this.ends(job, connection)) return;
        continue;
      }
      if (performance.now() - toldAt > TELL_MS) {
        await this.tell(job, row, await blobsOn(this.database, connection));
        toldAt = performance.now();
      }
      const shards = await shardsOn(this.database, connection, after, SHARDS_AT_ONCE);
      if (shards.length === 0) break;
      await this.moves.run(shards, { why: 'drain', signal: job.signal, tally });
      after = shards.at(-1)!.name;
    }
    const left = await leftOn(this.database, connection);
    await this.tell(job, await drainOf(this.database, connection), left.blobs);
    if (left.blobs === 0) return (await this.ends(job, connection)) ? undefined : this.run(job);
    const note = waitsFor(left, tally);
    await job.progress({ note });
    throw new NotYet(note, tally.counts.moved > 0 ? 1 : AGAIN_SECONDS);
  }

  private tell(job: JobRun, row: DrainRow | undefined, left: number): Promise<void> {
    const total = Math.max(row?.drain_blobs ?? 0, left);
    return job.progress({ done: total - left, total, note: null });
  }

  /**
   * Whether there is nothing to do any more, as its rows say once nobody can be told of this very job: it may have been
   * left off, asked for again, or reached by something that was planned before. If so, the job has ended.
   */
  private ends(job: JobRun, connection: string): Promise<boolean> {
    return this.database.tx(async (sql) => {
      await job.hold(sql);
      const row = await drainOf(sql, connection);
      if (!row?.drain_since) {
        await job.end(sql, { note: 'Left off: new files go there again.' });
        return true;
      }
      if ((await blobsOn(sql, connection)) > 0) return false;
      const { account } = job;
      await this.audit.append(sql, { account, action: 'connection.drained', subject: connection, details: {} });
      await job.end(sql, { note: 'Nothing lies there any more: it can be removed.' });
      return true;
    });
  }
}

function waitsFor({ blobs, drafts }: LeftThere, { counts, fault }: Tally): string {
  const parts = [];
  const shards = blobs - drafts;
  if (counts.nowhere > 0) parts.push(`${shards} pieces have no other place to go to. ${fault?.message ?? ''}`.trim());
  else if (counts.unreadable > 0) parts.push(`${counts.unreadable} pieces cannot be read as things are.`);
  if (drafts > 0) parts.push(`Uploads that are under way there are waited for.`);
  return parts.length > 0 ? parts.join(' ') : `${shards} pieces are looked at once more.`;
}
