import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { survives, type PlacedShard } from './survives.js';

const TWO_AND_ONE = { data: 2, parity: 1 };
const FOUR_AND_TWO = { data: 4, parity: 2 };

/** One letter for each shard: its domain, or `-` where it is not there. */
const chunk = (domains: string): PlacedShard[] =>
  domains.split('').map((domain, shard) => ({ shard, domain, there: domain !== '-' }));
const losses = (counts: { data: number; parity: number }, ...chunks: string[]) =>
  survives(counts, chunks.map(chunk)).losses;

describe('what lies in shards', () => {
  it.each([
    ['as many losses as it has parity', TWO_AND_ONE, ['abc'], 1],
    ['two, where it is so made', FOUR_AND_TWO, ['abcdef'], 2],
    ['one less for each shard that is missing', FOUR_AND_TWO, ['abcde-'], 1],
    ['none when only enough are left', FOUR_AND_TWO, ['abcd--'], 0],
    ['not even what happened when there are too few', FOUR_AND_TWO, ['abc---'], -1],
    ['what its weakest chunk survives', TWO_AND_ONE, ['abc', 'ab-', 'abc'], 0],
    ['nothing more where two shards fail together and one may', TWO_AND_ONE, ['aab'], 0],
    ['one domain that holds two shards, where two may be lost', FOUR_AND_TWO, ['aabcde'], 1],
    ['all but one copy of a mirror', { data: 1, parity: 2 }, ['abc'], 2],
    ['nothing, with one copy', { data: 1, parity: 0 }, ['a'], 0],
    ['anything, when there are no chunks', FOUR_AND_TWO, [], 2],
    ['nothing without any shard', { data: 1, parity: 0 }, ['-'], -1],
  ])('survives %s', (_, counts, chunks, expected) => {
    expect(losses(counts, ...chunks)).toBe(expected);
  });

  it('counts a shard that lies in two places once', () => {
    const twice = [...chunk('ab-'), { shard: 0, domain: 'd', there: true }];
    expect(survives(TWO_AND_ONE, [twice]).losses).toBe(0);
  });

  it('survives what no choice of lost places beats', () => {
    const letters = fc
      .array(fc.constantFrom('a', 'b', 'c', 'd', '-'), { minLength: 6, maxLength: 6 })
      .map((found) => found.join(''));
    fc.assert(
      fc.property(letters, (domains) => {
        const worst = [0, 1, 2, 3, 4].find((lost) =>
          subsets('abcd', lost).some(
            (gone) => domains.split('').filter((d) => d !== '-' && !gone.includes(d)).length < 4,
          ),
        );
        expect(losses(FOUR_AND_TWO, domains)).toBe(worst! - 1);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    [TWO_AND_ONE, ['abc'], 'Survives the loss of any one place.'],
    [FOUR_AND_TWO, ['abcdef'], 'Survives the loss of any 2 places.'],
    [
      FOUR_AND_TWO,
      ['abcde-', 'abcdef'],
      'Survives the loss of any one place; 2 places were meant, and one chunk is waiting for repair.',
    ],
    [
      TWO_AND_ONE,
      ['ab-', 'a-c'],
      'Whole, but one more loss can lose data; one place was meant, and 2 chunks are waiting for repair.',
    ],
    [{ data: 1, parity: 0 }, ['a'], 'There is one copy: if a place is lost, what lies there is lost.'],
    [TWO_AND_ONE, ['a--'], 'Some of it cannot be read as things are: too many places are lost or away.'],
  ])('says so: %o %j', (counts, chunks, words) => {
    expect(survives(counts, chunks.map(chunk)).words).toBe(words);
  });
});

function subsets(letters: string, size: number): string[] {
  if (size === 0) return [''];
  return letters.split('').flatMap((first, at) => subsets(letters.slice(at + 1), size - 1).map((rest) => first + rest));
}
