import type { StorageProvider } from '#storage';
import type { ConnectionRow } from '../../connections/index.js';
import type { BlobFault, BlobKey } from '../../contents/index.js';
import type { Sql } from '../../database/index.js';
import type { JobRun } from '../../jobs/index.js';
import { noteScrub, type ScrubChange, type ScrubRow } from './scrubs.store.js';

/** Two listings, or looks, count as two when so much time lies between them: a provider's lists may be behind. */
export const APART_SECONDS = 3600;

/** What one step of a scrub works with. */
export interface Turn {
  readonly job: JobRun;
  readonly scrub: ScrubRow;
  readonly row: ConnectionRow;
  readonly provider: StorageProvider;
}

/** What was seen of some blobs. */
export interface Seen {
  /** Not shown by a listing, which is to be confirmed. */
  readonly unlisted: BlobKey[];
  readonly listed: BlobKey[];
  readonly proved: BlobKey[];
  readonly read: BlobKey[];
  readonly faults: Record<BlobFault, BlobKey[]>;
}

export const nothingSeen = (): Seen => ({
  unlisted: [],
  listed: [],
  proved: [],
  read: [],
  faults: { missing: [], damaged: [] },
});

/** Somebody has begun the scrub anew: what this run would note is looked at once more by the next one. */
export class RunOver extends Error {}

/** Notes how far a scrub is. Throws RunOver. */
export async function noteStep(sql: Sql, scrub: ScrubRow, change: ScrubChange): Promise<void> {
  if (!(await noteScrub(sql, scrub, change))) throw new RunOver();
}

/** Holds the job and notes how far its scrub is, in the transaction that what it found is written in. */
export async function advance(sql: Sql, { job, scrub }: Turn, change: ScrubChange): Promise<void> {
  await noteStep(sql, scrub, change);
  await job.hold(sql);
}
