import { Injectable } from '@nestjs/common';
import { Losses, noteListed, noteProved } from '../../contents/index.js';
import type { Sql } from '../../database/index.js';
import type { ScrubChange } from './scrubs.store.js';
import { advance, type Seen, type Turn } from './turn.js';

/** Writes down what was seen and how far the scrub is with it, both or nothing, and nothing when the job is not this run's any more. */
@Injectable()
export class NoteSeen {
  constructor(private readonly losses: Losses) {}

  async run(sql: Sql, turn: Turn, seen: Seen, change: ScrubChange): Promise<void> {
    await advance(sql, turn, {});
    await noteListed(sql, seen.listed);
    const healed = (await noteProved(sql, seen.proved, 'listing')) + (await noteProved(sql, seen.read, 'reading'));
    const missing = await this.losses.note(sql, seen.faults.missing, 'missing', 'scrub');
    const damaged = await this.losses.note(sql, seen.faults.damaged, 'damaged', 'scrub');
    await advance(sql, turn, { ...change, add: { ...change.add, healed, missing, damaged } });
  }
}
