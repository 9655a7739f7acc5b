import { Injectable } from '@nestjs/common';
import { lockBlobs, Losses, noteListed, noteProved, noteUnlisted } from '../../contents/index.js';
import type { Sql } from '../../database/index.js';
import type { ScrubChange } from './scrubs.store.js';
import { advance, type Seen, type Turn } from './turn.js';

/** Writes down what was seen and how far the scrub is with it, both or nothing, and nothing when the job is not this run's any more. */
@Injectable()
export class NoteSeen {
  constructor(private readonly losses: Losses) {}

  async run(sql: Sql, turn: Turn, seen: Seen, change: ScrubChange): Promise<void> {
    await advance(sql, turn, {});
    const { unlisted, listed, proved, read, faults } = seen;
    await lockBlobs(sql, [unlisted, listed, proved, read, faults.missing, faults.damaged].flat());
    await noteUnlisted(sql, unlisted);
    await noteListed(sql, listed);
    const healed = (await noteProved(sql, proved, 'listing')) + (await noteProved(sql, read, 'reading'));
    const missing = await this.losses.note(sql, faults.missing, 'missing', 'scrub');
    const damaged = await this.losses.note(sql, faults.damaged, 'damaged', 'scrub');
    await advance(sql, turn, { ...change, add: { ...change.add, healed, missing, damaged } });
  }
}
