import { Inject, Injectable } from '@nestjs/common';
import { AccessRefused } from '#storage';
import { countUnproved, type Unproved, unprovedBlobs } from '../../contents/index.js';
import { Config } from '../../config/index.js';
import { Database } from '../../database/index.js';
import { NoteSeen } from './note-seen.js';
import { readBlob } from './read-blob.js';
import { BehindPeople } from './behind-people.js';
import { noteStep, nothingSeen, type Turn } from './turn.js';

const AT_ONCE = 32;

/** Reads blobs whole that no listing has proved, those whose last proof is the oldest first. */
@Injectable()
export class ByReading {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly behind: BehindPeople,
    private readonly noteSeen: NoteSeen,
  ) {}

  async run(turn: Turn): Promise<void> {
    const { scrub, job, provider } = turn;
    if (scrub.cursor === null && scrub.read === 0 && scrub.toRead === 0) return this.begin(turn);
    const left = scrub.toRead - scrub.read;
    const which = this.which(turn);
    // The day's share is read; what is overdue beyond it is read as well.
    const beyond = left <= 0 && scrub.reads === 'due' ? { ...which, olderThanDays: this.config.proveDays } : which;
    const most = left > 0 ? Math.min(AT_ONCE, left) : scrub.reads === 'due' ? AT_ONCE : 0;
    const blobs = most === 0 ? [] : await unprovedBlobs(this.database, beyond, { after: scrub.cursor, most });
    if (blobs.length === 0) return noteStep(this.database, scrub, { step: 'strays', cursor: null });
    const seen = nothingSeen();
    let bytes = 0;
    let refused = 0;
    await this.behind.each(blobs, job.signal, async (blob) => {
      const verdict = await readBlob(provider, blob, job.signal);
      if (verdict === 'unread') refused += 1;
      else if (verdict === 'whole') seen.read.push(blob);
      else seen.faults[verdict].push(blob);
      if (verdict !== 'missing') bytes += blob.length;
    });
    // One may be refused for a reason of its own; all of them are not.
    if (refused === blobs.length && refused > 1) throw new AccessRefused();
    const add = { read: blobs.length, bytes };
    await this.database.tx((sql) => this.noteSeen.run(sql, turn, seen, { cursor: blobs.at(-1)!.place, add }));
  }

  private async begin(turn: Turn): Promise<void> {
    const { reads, known } = turn.scrub;
    const left = await countUnproved(this.database, this.which(turn));
    const share = Math.ceil((known * (this.config.scrubHours || 24)) / (24 * this.config.proveDays));
    const toRead = reads === 'due' || reads === 'sample' ? Math.min(left, share) : left;
    await noteStep(this.database, turn.scrub, left === 0 ? { step: 'strays' } : { to_read: Math.max(1, toRead) });
  }

  private which({ scrub }: Turn): Unproved {
    return {
      connection: scrub.connection,
      before: scrub.beganAt,
      listing: scrub.unlistable ? new Date(0) : scrub.listingBeganAt,
      damaged: scrub.asked,
      olderThanDays: null,
    };
  }
}
