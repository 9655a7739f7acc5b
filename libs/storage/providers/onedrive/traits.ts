import type { Traits } from '../../provider.js';

export const onedriveTraits: Traits = {
  // Microsoft's largest file.
  largestBlob: 250_000_000_000,
  checksum: 'quickxorhash',
  createOnly: true,
  spaceKnown: true,
  ranges: true,
  // A session stays open for a week, but only the gateway that began it knows its address; what it had sent last may
  // still be on its way when it dies.
  longestUploadSessionMs: 3_600_000,
};
