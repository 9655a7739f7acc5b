import { Injectable } from '@nestjs/common';
import { ConnectionAway, type StorageProvider } from '#storage';
import { ConnectionPool, type ConnectionRow, MarkerAlarm, Markers } from '../../connections/index.js';
import { Database } from '../../database/index.js';
import { type JobRun, NotYet } from '../../jobs/index.js';
import { FolderGone } from './errors.js';
import { RaiseAlarm } from './raise-alarm.js';
import { beginListing, noteMarked, noteUnmarked, type PlaceFound, type ScrubRow } from './scrubs.store.js';
import { noteStep, RunOver } from './turn.js';

/** A marker that is not there has to be gone for so long, unless a person has asked: providers have their moments. */
const CONFIRMED_SECONDS = 60;

export interface OpenedPlace {
  readonly provider: StorageProvider;
  /** For us to close: the pool does not keep a place whose marker is not as it should be. */
  readonly ours: boolean;
}

/**
 * Whether a place is still what we left there, before anything is concluded from what it says.
 *
 * A marker that is gone means that the place was wiped only if it is certainly that place: the same disk, host or account
 * as when the marker was last written. A disk that is not mounted shows an empty folder of the disk beneath. Where that is
 * not certain, nothing is noted until it is back, or until somebody who may says that all is lost.
 */
@Injectable()
export class CheckPlace {
  constructor(
    private readonly database: Database,
    private readonly pool: ConnectionPool,
    private readonly markers: Markers,
    private readonly alarm: RaiseAlarm,
  ) {}

  async open({ id }: ConnectionRow, { saidLost, place }: ScrubRow): Promise<OpenedPlace> {
    // What is open still means the disk that was there when it was opened.
    if (saidLost && place === null) await this.pool.close(id);
    try {
      return { provider: await this.pool.provider(id, 'short'), ours: false };
    } catch (error) {
      if (!(error instanceof MarkerAlarm)) throw error;
      return { provider: await this.pool.unchecked(id), ours: true };
    }
  }

  /** What may be concluded; null where it is another's folder, of which nothing may. Throws NotYet, FolderGone. */
  async run(job: JobRun, scrub: ScrubRow, row: ConnectionRow, provider: StorageProvider): Promise<PlaceFound | null> {
    const { whose } = await this.markers.look(row, provider);
    if (whose === 'other') {
      await this.alarm.run(row, whose);
      return null;
    }
    if (whose === 'nobody') return this.unmarked(job, scrub, row, provider);
    if (whose === 'newer') {
      await this.alarm.run(row, whose);
      await this.markers.check(row, provider);
    }
    if (scrub.unmarkedSeconds !== null) await noteMarked(this.database, scrub);
    // Somebody wrote it once more; what a listing showed meanwhile is no longer to be trusted.
    const back = scrub.place !== null && scrub.place !== 'whole';
    if (back || scrub.place === null) await this.begin(scrub, 'whole', back);
    return 'whole';
  }

  /** All that was lost is noted: the place may take new shards from now on. */
  async beginAnew(row: ConnectionRow): Promise<void> {
    const provider = await this.pool.unchecked(row.id);
    try {
      const { whose } = await this.markers.look(row, provider);
      if (whose === 'nobody') await this.markers.beginAnew(row, provider);
    } finally {
      await provider.close();
    }
    await this.pool.close(row.id);
  }

  private async unmarked(
    job: JobRun,
    scrub: ScrubRow,
    row: ConnectionRow,
    provider: StorageProvider,
  ): Promise<PlaceFound> {
    if (scrub.place === 'unmarked' || scrub.place === 'empty') return scrub.place;
    const same = row.marked_on !== null && row.marked_on === (await this.markers.whereabouts(row));
    if (!same && !scrub.saidLost) throw new FolderGone();
    const waited = scrub.unmarkedSeconds ?? 0;
    if (!scrub.asked && waited < CONFIRMED_SECONDS) {
      await noteUnmarked(this.database, scrub);
      throw new NotYet('Our folder is not found there; looked for once more in a minute.', CONFIRMED_SECONDS - waited);
    }
    await this.alarm.run(row, 'nobody');
    const place = (await this.hasFolder(job, row, provider)) ? 'unmarked' : 'empty';
    await this.begin(scrub, place, true);
    return place;
  }

  /** A place that has just said that there is no marker, and says now that it is away, has no folder either. */
  private async hasFolder(job: JobRun, row: ConnectionRow, provider: StorageProvider): Promise<boolean> {
    try {
      await provider.list(undefined, { signal: job.signal });
      return true;
    } catch (error) {
      if (!(error instanceof ConnectionAway)) throw error;
      const { whose } = await this.markers.look(row, provider);
      if (whose !== 'nobody') throw error;
      return false;
    }
  }

  private async begin(scrub: ScrubRow, place: PlaceFound, listing: boolean): Promise<void> {
    if (!listing) await noteStep(this.database, scrub, { place });
    else if (!(await beginListing(this.database, scrub, place))) throw new RunOver();
  }
}
