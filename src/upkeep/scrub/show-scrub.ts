import { Injectable } from '@nestjs/common';
import type { Scrub } from '#contracts';
import { LetGo } from '../../connections/index.js';
import { Database } from '../../database/index.js';
import type { Asking } from './ask-for-scrub.js';
import { scrubOf } from './scrubs.store.js';

const NEVER: Scrub = {
  beganAt: null,
  endedAt: null,
  nextAt: null,
  ...{ blobs: 0, read: 0, bytesRead: 0, missing: 0, damaged: 0, healed: 0, unknown: 0, swept: 0 },
};

/** What a look through a connection has found, for its owner. */
@Injectable()
export class ShowScrub {
  constructor(
    private readonly database: Database,
    private readonly letGo: LetGo,
  ) {}

  /** Throws ConnectionUnknown, AdminsOnly. */
  async run(by: Asking, id: string): Promise<Scrub> {
    await this.letGo.theirs(by, id);
    const scrub = await scrubOf(this.database, id);
    if (!scrub) return NEVER;
    return {
      beganAt: scrub.beganAt.toISOString(),
      endedAt: scrub.endedAt?.toISOString() ?? null,
      nextAt: scrub.nextAt.toISOString(),
      blobs: scrub.known,
      read: scrub.read,
      bytesRead: scrub.bytes,
      missing: scrub.missing,
      damaged: scrub.damaged,
      healed: scrub.healed,
      unknown: scrub.unknown,
      swept: scrub.swept,
    };
  }
}
