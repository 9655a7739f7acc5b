import { Injectable } from '@nestjs/common';
import { AccessRefused, type BlobName, ConsentWithdrawn } from '#storage';
import { DeletionHold, Markers } from '../../connections/index.js';
import { Database } from '../../database/index.js';
import { RaiseAlarm } from './raise-alarm.js';
import { BehindPeople } from './behind-people.js';
import { forgetStrays, forgetSwept, hasStrays, sweepable } from './strays.store.js';
import { advance, APART_SECONDS, type Turn } from './turn.js';

const AT_ONCE = 100;

/**
 * Deletes what lies in our folder and belongs to nobody: names that two listings have shown, an hour apart, and that no
 * row and no tombstone knows.
 *
 * Why no upload can lose a blob by it, however slow: its row is committed before its first byte is sent. A name that a
 * listing shows has bytes, so its row, had it one, was committed before that listing; the rows are asked after it, and once
 * more in the statement that decides to delete. A row goes only when its blob is a tombstone that two looks have not found.
 * And no name is given twice. What is left is a database that is not the one those uploads wrote into, a restored backup or
 * a copy: its marker tells, and is compared before every batch.
 */
@Injectable()
export class SweepStrays {
  constructor(
    private readonly database: Database,
    private readonly markers: Markers,
    private readonly hold: DeletionHold,
    private readonly alarm: RaiseAlarm,
    private readonly behind: BehindPeople,
  ) {}

  /** True when there is nothing left to do, or nothing may be done. */
  async run(turn: Turn): Promise<boolean> {
    const { scrub, row, provider, job } = turn;
    if (scrub.place !== 'whole' || scrub.unlistable || (await this.hold.stands())) return true;
    const { connection } = scrub;
    if (scrub.cursor === null) await forgetStrays(this.database, connection, scrub.listingBeganAt);
    const { whose } = await this.markers.look(row, provider);
    if (whose !== 'ours') {
      await this.alarm.run(row, whose);
      return true;
    }
    const listing = { began: scrub.listingBeganAt, apartSeconds: APART_SECONDS };
    const names = await this.database.tx(async (sql) => {
      await advance(sql, turn, {});
      return sweepable(sql, connection, listing, { after: scrub.cursor ?? '', most: AT_ONCE });
    });
    const swept: string[] = [];
    let all = false;
    try {
      await this.behind.each(names, job.signal, async (name) => {
        if (await this.delete(turn, name as BlobName)) swept.push(name);
      });
      all = true;
    } finally {
      await this.note(turn, swept, all ? names.at(-1) : undefined);
    }
    if (names.length > 0) return false;
    if (await hasStrays(this.database, connection)) await this.database.tx((sql) => advance(sql, turn, { soon: true }));
    return true;
  }

  /** What the place does not let us delete stays, and keeps no other from it. */
  private async delete({ provider, job }: Turn, name: BlobName): Promise<boolean> {
    try {
      await provider.delete(name, { signal: job.signal });
      return true;
    } catch (error) {
      if (error instanceof AccessRefused && !(error instanceof ConsentWithdrawn)) return false;
      throw error;
    }
  }

  private async note(turn: Turn, swept: readonly string[], cursor: string | undefined): Promise<void> {
    await this.database.tx(async (sql) => {
      await forgetSwept(sql, turn.scrub.connection, swept);
      await advance(sql, turn, { ...(cursor !== undefined && { cursor }), add: { swept: swept.length } });
    });
  }
}
