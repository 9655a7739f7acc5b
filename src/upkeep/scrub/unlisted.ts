import { Injectable } from '@nestjs/common';
import type { BlobName } from '#storage';
import { type KnownBlob, unlistedBlobs } from '../../contents/index.js';
import { Database } from '../../database/index.js';
import { NoteSeen } from './note-seen.js';
import { BehindPeople } from './behind-people.js';
import { APART_SECONDS, nothingSeen, type Seen, type Turn } from './turn.js';

const LOOKED_AT_ONCE = 200;
const LOST_AT_ONCE = 1_000;

/**
 * Finds out what became of blobs that a whole listing has not shown. Nothing is missing by a listing alone: it is asked for
 * by its name as well, at once where somebody wants to know, else when a second listing misses it. Where our very folder is
 * gone there is nothing to ask: then all of them are.
 */
@Injectable()
export class Unlisted {
  constructor(
    private readonly database: Database,
    private readonly behind: BehindPeople,
    private readonly noteSeen: NoteSeen,
  ) {}

  /** True when all of them were looked at. */
  async run(turn: Turn): Promise<boolean> {
    const { scrub } = turn;
    const most = scrub.place === 'empty' ? LOST_AT_ONCE : LOOKED_AT_ONCE;
    const listing = { began: scrub.listingBeganAt, apartSeconds: APART_SECONDS };
    const blobs = await unlistedBlobs(this.database, scrub.connection, listing, { after: scrub.cursor, most });
    if (blobs.length === 0) return true;
    const seen = nothingSeen();
    if (scrub.place === 'empty') seen.faults.missing.push(...blobs);
    else await this.ask(turn, blobs, seen);
    const soon = seen.unlisted.length > 0 ? { soon: true } : {};
    await this.database.tx((sql) => this.noteSeen.run(sql, turn, seen, { cursor: blobs.at(-1)!.place, ...soon }));
    return false;
  }

  private async ask(turn: Turn, blobs: readonly KnownBlob[], seen: Seen): Promise<void> {
    const { scrub, job, provider } = turn;
    const now = scrub.asked || scrub.place === 'unmarked';
    await this.behind.each(blobs, job.signal, async (blob) => {
      if (!now && !blob.missed) return void seen.unlisted.push(blob);
      const found = await provider.stat(blob.name as BlobName, { signal: job.signal });
      if (found === null) seen.faults.missing.push(blob);
      // Whether its bytes are right is for a reading to tell.
      else seen.listed.push(blob);
    });
  }
}
