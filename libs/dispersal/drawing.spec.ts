import { describe, expect, it } from 'vitest';
import { type Candidate, planShards } from './plan-shards.js';

const candidate = (id: string, more: Partial<Candidate> = {}): Candidate => ({
  id,
  domain: id,
  free: 1_000_000,
  priority: 0,
  ...more,
});
function draw(candidates: Candidate[], count: number, seed = 'seed', length = 100): string[] | null {
  const shards = Array.from({ length: count }, (_, shard) => shard);
  const { places, homeless } = planShards(candidates, { shards, length, seed });
  return homeless.length > 0 ? null : places.map(({ connection }) => connection);
}

function share(candidates: Candidate[], draws = 4000): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let nth = 0; nth < draws; nth += 1) {
    const [id] = draw(candidates, 1, `seed ${nth}`)!;
    counts[id!] = (counts[id!] ?? 0) + 1 / draws;
  }
  return counts;
}

describe('who gets a shard', () => {
  it.each<[string, Candidate[], number, string[] | null]>([
    ['nobody, where nobody is', [], 1, null],
    ['the only one', [candidate('a')], 1, ['a']],
    ['nobody, where there are too few', [candidate('a')], 2, null],
    ['nobody without room', [candidate('a', { free: 99 })], 1, null],
    ['one with just enough room', [candidate('a', { free: 100 })], 1, ['a']],
    ['one that does not tell its room', [candidate('a', { free: null })], 1, ['a']],
    ['the one with room', [candidate('a', { free: 0 }), candidate('b')], 1, ['b']],
    ['the one that is to be filled first', [candidate('a'), candidate('b', { priority: 1 })], 1, ['b']],
    ['the next one, when that has no room', [candidate('a'), candidate('b', { priority: 1, free: 1 })], 1, ['a']],
    ['not two of one domain', [candidate('a', { domain: 'd' }), candidate('b', { domain: 'd' })], 2, null],
    [
      'one of each domain',
      [candidate('a', { domain: 'd', priority: 2 }), candidate('b', { domain: 'd', priority: 1 }), candidate('c')],
      2,
      ['a', 'c'],
    ],
  ])('%s', (_, candidates, shards, expected) => {
    expect(draw(candidates, shards)).toEqual(expected);
  });

  it('is the same for the same chunk, whatever order they are in', () => {
    const candidates = ['a', 'b', 'c', 'd', 'e'].map((id) => candidate(id));
    for (let nth = 0; nth < 50; nth += 1) {
      expect(draw([...candidates].reverse(), 3, `${nth}`)).toEqual(draw(candidates, 3, `${nth}`));
    }
  });

  it('stays where it was for nearly all chunks when another connection comes', () => {
    const before = ['a', 'b', 'c', 'd'].map((id) => candidate(id));
    const after = [...before, candidate('e')];
    const seeds = Array.from({ length: 1000 }, (_, nth) => `${nth}`);
    const moved = seeds.filter((seed) => draw(before, 1, seed)![0] !== draw(after, 1, seed)![0]);
    expect(moved.every((seed) => draw(after, 1, seed)![0] === 'e')).toBe(true);
    expect(moved.length / seeds.length).toBeCloseTo(1 / 5, 1);
  });

  it('is drawn in proportion to the room that there is', () => {
    const counts = share([candidate('a', { free: 1e9 }), candidate('b', { free: 3e9 })]);
    expect(counts['a']).toBeCloseTo(0.25, 1);
    expect(counts['b']).toBeCloseTo(0.75, 1);
  });

  it('is drawn evenly among equals', () => {
    const counts = share(['a', 'b', 'c', 'd'].map((id) => candidate(id)));
    for (const count of Object.values(counts)) expect(count).toBeCloseTo(0.25, 1);
  });
});
