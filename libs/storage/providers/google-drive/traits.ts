import type { Traits } from '../../provider.js';

const day = 24 * 3_600_000;

export const googleDriveTraits: Traits = {
  // Drive takes terabytes; this is what one call should have to send again at worst.
  largestBlob: 2 ** 30,
  // SHA-256 is told mostly, MD5 always.
  checksum: 'md5',
  // The blob's name is the file's id: Drive refuses a second file with it.
  createOnly: true,
  spaceKnown: true,
  ranges: true,
  longestUploadSessionMs: 7 * day,
};

/** What a call costs in the units of Google's quota: 325,000 of them a minute and user, 1,000,000 a minute and project. */
export const units = { look: 5, list: 100, change: 50, download: 200, ids: 5 } as const;

/** What Google lets one user upload in a day. */
export const uploadBytesPerDay = 750_000_000_000;
