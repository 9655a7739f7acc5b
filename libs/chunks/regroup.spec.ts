import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { regroup } from './regroup.js';

async function* streamOf(pieces: readonly Buffer[], seen: string[] = []): AsyncGenerator<Buffer> {
  try {
    for (const piece of pieces) yield piece;
  } finally {
    seen.push('closed');
  }
}

async function all(pieces: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for await (const piece of pieces) found.push(piece);
  return found;
}

describe('a stream that is cut anew', () => {
  it('has the lengths that were asked for and the bytes that there were', async () => {
    const piece = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(fc.array(piece), fc.array(fc.integer({ min: 1, max: 9 })), async (pieces, wished) => {
        const whole = Buffer.concat(pieces);
        const lengths: number[] = [];
        let left = whole.length;
        for (const length of wished) {
          if (length > left) continue;
          lengths.push(length);
          left -= length;
        }
        const found = await all(regroup(streamOf(pieces), lengths));
        expect(found.map(({ length }) => length)).toEqual(lengths);
        expect(Buffer.concat(found).equals(whole.subarray(0, whole.length - left))).toBe(true);
      }),
    );
  });

  it('copies nothing where a piece fits', async () => {
    const piece = Buffer.from('fits');
    const [found] = await all(regroup(streamOf([piece]), [4]));
    expect(found!.buffer).toBe(piece.buffer);
  });

  it('must not end before its last piece', async () => {
    await expect(all(regroup(streamOf([Buffer.from('abc')]), [2, 2]))).rejects.toThrow(RangeError);
  });

  it('is closed when its reader stops early, or has all that it wanted', async () => {
    for (const stop of [1, 2]) {
      const seen: string[] = [];
      let read = 0;
      for await (const _ of regroup(streamOf([Buffer.from('abcdef')], seen), [2, 2])) {
        read += 1;
        if (read === stop) break;
      }
      expect(seen).toEqual(['closed']);
    }
  });
});
