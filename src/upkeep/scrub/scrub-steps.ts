import { Injectable } from '@nestjs/common';
import { Database } from '../../database/index.js';
import { ByListing } from './by-listing.js';
import { ByReading } from './by-reading.js';
import { CheckPlace } from './check-place.js';
import { SweepStrays } from './sweep-strays.js';
import { noteStep, type Turn } from './turn.js';
import { Unlisted } from './unlisted.js';

/** What comes after what. */
@Injectable()
export class ScrubSteps {
  constructor(
    private readonly database: Database,
    private readonly place: CheckPlace,
    private readonly byListing: ByListing,
    private readonly unlisted: Unlisted,
    private readonly byReading: ByReading,
    private readonly sweep: SweepStrays,
  ) {}

  /** A page or a batch of the step that it is at. True when that was the last. */
  async run(turn: Turn): Promise<boolean> {
    switch (turn.scrub.step) {
      case 'listing':
        await this.byListing.run(turn);
        return false;
      case 'unlisted':
        if (await this.unlisted.run(turn)) await this.afterListing(turn);
        return false;
      case 'reading':
        await this.byReading.run(turn);
        return false;
      case 'strays':
        return this.sweep.run(turn);
      case 'ended':
        return true;
    }
  }

  private async afterListing({ scrub, row }: Turn): Promise<void> {
    if (scrub.place !== 'whole') await this.place.beginAnew(row);
    await noteStep(this.database, scrub, { step: 'reading', cursor: null });
  }
}
