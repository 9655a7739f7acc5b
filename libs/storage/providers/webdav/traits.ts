import type { Traits } from '../../provider.js';

export const webdavTraits: Traits = {
  // What common proxies let pass in one request.
  largestBlob: 100_000_000,
  checksum: null,
  // Servers look first and write then: two writers at once may both win.
  createOnly: false,
  spaceKnown: false,
  ranges: true,
  // A proxy may hold a whole upload back, and hand it on much later.
  longestUploadSessionMs: 3_600_000,
};
