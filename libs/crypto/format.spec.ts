import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CHUNK_LENGTH, paddedLength, sealedLength } from './index.js';

describe('padding', () => {
  it.each([
    [1, 4096],
    [4096, 4096],
    [4097, 4352],
    [65_536, 65_536],
    [100_000, 100_352],
    [1_000_000, 1_015_808],
    [DEFAULT_CHUNK_LENGTH - 1, DEFAULT_CHUNK_LENGTH],
    [DEFAULT_CHUNK_LENGTH, DEFAULT_CHUNK_LENGTH],
  ])('%i bytes become %i', (length, padded) => {
    expect(paddedLength(length, DEFAULT_CHUNK_LENGTH)).toBe(padded);
  });

  it('never shrinks, never passes the chunk length, adds at most an eighth, and leaves few sizes', () => {
    const lengths = fc.integer({ min: 1, max: DEFAULT_CHUNK_LENGTH });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: DEFAULT_CHUNK_LENGTH }), (one, other) => {
        const [length, chunkLength] = [Math.min(one, other), Math.max(one, other)];
        const padded = paddedLength(length, chunkLength);
        expect(padded).toBeGreaterThanOrEqual(length);
        expect(padded).toBeLessThanOrEqual(chunkLength);
        expect(padded).toBeLessThanOrEqual(Math.max(4096, length * 1.125));
      }),
    );
    const sizes = new Set<number>();
    for (let length = 1; length <= DEFAULT_CHUNK_LENGTH; length += 64)
      sizes.add(paddedLength(length, DEFAULT_CHUNK_LENGTH));
    expect(sizes.size).toBeLessThan(300);
  });

  it.each([0, -1, 1.5, 4097])('refuses %d bytes in a chunk of at most 4096', (length) => {
    expect(() => paddedLength(length, 4096)).toThrow(RangeError);
  });

  it.each([
    [1, 64 + 1 + 16],
    [65_536, 64 + 65_536 + 16],
    [65_537, 64 + 65_537 + 32],
    [DEFAULT_CHUNK_LENGTH, 64 + DEFAULT_CHUNK_LENGTH + 16 * 128],
  ])('a padded length of %i is sealed into %i', (padded, sealed) => {
    expect(sealedLength(padded)).toBe(sealed);
  });
});
