import type { Traits } from '../../provider.js';

export const s3Traits: Traits = {
  // What one request may carry at the strictest of these stores (Backblaze: 5 GB, not GiB).
  largestBlob: 5_000_000_000,
  checksum: 'md5',
  createOnly: false,
  spaceKnown: false,
  ranges: true,
  // A signature lives 15 minutes; what a proxy holds back longer is refused.
  longestUploadSessionMs: 15 * 60_000,
};
