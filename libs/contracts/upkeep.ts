import { z } from 'zod';
import { ByteCount, Moment } from './common.js';

export const ScrubReads = z
  .enum(['sample', 'needed', 'all'])
  .describe(
    'What is read whole and compared. `needed`: whatever its provider’s own checksums have not proved. `all`: everything, also at providers that list checksums. `sample`: as much as a daily look reads.',
  );
export type ScrubReads = z.infer<typeof ScrubReads>;

export const ScrubQuery = z.object({ reads: ScrubReads.default('needed') });
export type ScrubQuery = z.infer<typeof ScrubQuery>;

const Count = z.int().nonnegative();

export const Scrub = z.object({
  beganAt: Moment.nullable().describe('Null where it was never looked through.'),
  endedAt: Moment.nullable().describe('Null while it is under way.'),
  nextAt: Moment.nullable(),
  blobs: Count.describe('Pieces that should lie there.'),
  read: Count.describe('Pieces that were read whole and compared.'),
  bytesRead: ByteCount,
  missing: Count.describe('Found missing that were thought to be there.'),
  damaged: Count,
  healed: Count.describe('Found whole that were thought to be missing or damaged.'),
  unknown: Count.describe('In our folder there, and nobody’s: swept when a second look shows them an hour later.'),
  swept: Count,
});
export type Scrub = z.infer<typeof Scrub>;
