import { describe, expect, it } from 'vitest';
import { cutFile, UNIT } from './head.js';

describe('where a backup is cut', () => {
  it.each([213, 1000, 212 + UNIT, 213 + UNIT, 74 * 2 ** 20, 40 * 2 ** 30, 10 ** 13])('%d bytes', (bytes) => {
    const cuts = cutFile(bytes, UNIT);
    expect(cuts.length).toBeLessThanOrEqual(4096);
    let at = 212;
    for (const { offset, length } of cuts) {
      expect(offset).toBe(at);
      expect(length).toBeGreaterThan(0);
      at += length;
    }
    expect(at).toBe(bytes);
    expect(new Set(cuts.slice(0, -1).map(({ length }) => length % UNIT))).toEqual(new Set(cuts.length > 1 ? [0] : []));
  });
});
