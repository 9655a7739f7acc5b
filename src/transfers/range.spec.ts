import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RangeUnsatisfiable } from './errors.js';
import { parseRange } from './range.js';

describe('a Range header', () => {
  it.each<[string | undefined, number, [number, number] | null]>([
    [undefined, 10, null],
    ['bytes=0-0', 10, [0, 1]],
    ['bytes=2-5', 10, [2, 6]],
    ['bytes=2-', 10, [2, 10]],
    ['bytes=2-100', 10, [2, 10]],
    ['bytes=-3', 10, [7, 10]],
    ['bytes=-30', 10, [0, 10]],
    ['BYTES= 2 - 5 ', 10, [2, 6]],
    ['bytes=5-2', 10, null],
    ['bytes=-', 10, null],
    ['bytes=1-2,4-5', 10, null],
    ['items=0-1', 10, null],
    ['', 10, null],
  ])('%j of %d bytes is %j', (header, size, expected) => {
    const span = parseRange(header, size);
    expect(span && [span.start, span.end]).toEqual(expected);
  });

  it.each<[string, number]>([
    ['bytes=10-', 10],
    ['bytes=10-20', 10],
    ['bytes=-0', 10],
    ['bytes=0-', 0],
    ['bytes=-1', 0],
    ['bytes=999999999999999999999999-', 10],
  ])('%j of %d bytes is beyond it', (header, size) => {
    expect(() => parseRange(header, size)).toThrow(RangeUnsatisfiable);
  });

  it('is never a span outside of the file, or an empty one, whatever it says', () => {
    const size = fc.nat({ max: Number.MAX_SAFE_INTEGER });
    const header = fc.oneof(
      fc.string(),
      fc.tuple(fc.bigInt({ min: 0n }), fc.bigInt({ min: 0n })).map(([a, b]) => `bytes=${a}-${b}`),
      fc.bigInt({ min: 0n }).map((length) => `bytes=-${length}`),
    );
    const check = (text: string, bytes: number): void => {
      try {
        const span = parseRange(text, bytes);
        if (span) expect([0 <= span.start, span.start < span.end, span.end <= bytes]).toEqual([true, true, true]);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeUnsatisfiable);
      }
    };
    fc.assert(fc.property(header, size, check));
  });
});
