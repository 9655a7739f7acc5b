import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planShards, type Candidate, type PlanRequest } from './plan-shards.js';

const candidate = (id: string, more: Partial<Candidate> = {}): Candidate => ({
  id,
  domain: id,
  free: 1_000_000,
  priority: 0,
  ...more,
});
const plan = (candidates: Candidate[], more: Partial<PlanRequest> = {}) =>
  planShards(candidates, { shards: [0, 1, 2], length: 100, seed: 'seed', ...more });
const idsOf = (candidates: Candidate[], more: Partial<PlanRequest> = {}) =>
  plan(candidates, more).places.map(({ connection }) => connection);
const FIVE = ['a', 'b', 'c', 'd', 'e'].map((id) => candidate(id));

describe('the plan for the shards of a chunk', () => {
  it('gives each a connection in a domain of its own, and says why', () => {
    const found = plan([...FIVE, candidate('a2', { domain: 'a' })]);
    expect(found.places.map(({ shard }) => shard)).toEqual([0, 1, 2]);
    expect(new Set(found.places.map(({ domain }) => domain)).size).toBe(3);
    expect(found.places.every(({ why }) => why === 'Drawn by its free space.')).toBe(true);
    expect([found.homeless, found.hindrance]).toEqual([[], null]);
  });

  it('names each connection once, chosen or passed over', () => {
    const found = plan([...FIVE, candidate('f', { free: 0 })]);
    const named = [...found.places, ...found.passedOver].map(({ connection }) => connection);
    expect(named.sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it.each<[string, Candidate, string, string]>([
    ['away', candidate('x', { health: 'away' }), 'away', 'It cannot be reached at the moment.'],
    ['full', candidate('x', { free: 99 }), 'full', 'It has 99 bytes free, and 100 are needed.'],
    [
      'made for smaller blobs',
      candidate('x', { largestBlob: 99 }),
      'blob-too-large',
      'It takes at most 99 bytes in one piece, and 100 are needed.',
    ],
    [
      'in a domain that has a shard',
      candidate('x', { domain: 't' }),
      'domain-taken',
      'Another shard of the chunk lies in what fails together with it.',
    ],
    ['not needed', candidate('x', { priority: -1 }), 'not-needed', 'Enough others came before it.'],
  ])('passes over what is %s', (_, other, reason, why) => {
    const found = plan([...FIVE, other], { taken: new Set(['t']) });
    expect(found.passedOver.find(({ connection }) => connection === 'x')).toEqual({ connection: 'x', reason, why });
  });

  it('takes an unsteady connection where no other is left, and not before', () => {
    const unsteady = candidate('u', { health: 'unsteady', priority: 9 });
    expect(idsOf([unsteady, ...FIVE])).not.toContain('u');
    const found = plan([unsteady, ...FIVE.slice(0, 2)]);
    expect(found.places.find(({ connection }) => connection === 'u')?.why).toContain('failed lately');
  });

  it('fills by priority', () => {
    const found = plan([...FIVE, candidate('p', { priority: 1 })]);
    expect(found.places.find(({ connection }) => connection === 'p')?.why).toContain('its priority is 1');
  });

  it('gives data shards to the quicker of those drawn, and never draws by speed', () => {
    const speeds = { a: 400, b: 60, c: 90, d: 1000, e: 20 };
    const timed = FIVE.map((one) => ({ ...one, usualMs: speeds[one.id as keyof typeof speeds] }));
    const slow = new Set(['a', 'd']);
    for (let seed = 0; seed < 50; seed += 1) {
      const found = idsOf(timed, { seed: `${seed}` });
      expect([...found].sort()).toEqual([...idsOf(FIVE, { seed: `${seed}` })].sort());
      const firstSlow = found.findIndex((id) => slow.has(id));
      if (firstSlow >= 0) expect(found.slice(firstSlow).every((id) => slow.has(id))).toBe(true);
    }
  });

  it('gives a parity shard to one that failed lately, however quick it was', () => {
    const unsteady = candidate('u', { health: 'unsteady', usualMs: 10 });
    const slow = FIVE.slice(0, 2).map((one) => ({ ...one, usualMs: 900 }));
    expect(plan([unsteady, ...slow]).places.find(({ connection }) => connection === 'u')?.shard).toBe(2);
  });

  it('places what it can where it cannot place all', () => {
    const found = plan(FIVE.slice(0, 2));
    expect([found.places.length, found.homeless]).toEqual([2, [2]]);
  });

  it.each<[string, Candidate[], string]>([
    ['away, where waiting would help', [candidate('x', { health: 'away' })], 'away'],
    ['full, where only room would', [candidate('x', { free: 1 })], 'full'],
    ['domains, where there are too few', [candidate('x', { domain: 'a' })], 'domains'],
    ['domains, where there is nothing more', [], 'domains'],
    [
      'domains, where what is away fails together with what is there',
      [candidate('x', { domain: 'b', health: 'away' })],
      'domains',
    ],
  ])('says what is in the way: %s', (_, others, hindrance) => {
    expect(plan([...FIVE.slice(0, 2), ...others]).hindrance).toBe(hindrance);
  });

  it('finds a new place for one shard beside the others, the same at every try', () => {
    const taken = new Set(['a', 'b', 'd', 'e']);
    expect(plan(FIVE, { shards: [2], taken }).places).toMatchObject([{ shard: 2, connection: 'c' }]);
    expect(plan(FIVE.toReversed(), { shards: [2], taken })).toEqual(plan(FIVE, { shards: [2], taken }));
  });

  it('never puts two shards into one domain, nor a shard where it does not fit, whatever there is', () => {
    const anyCandidate = fc.record({
      domain: fc.constantFrom('p', 'q', 'r', 's', 't'),
      free: fc.option(fc.integer({ min: 0, max: 200 })),
      priority: fc.integer({ min: -1, max: 1 }),
      health: fc.constantFrom('healthy' as const, 'unsteady' as const, 'away' as const),
    });
    fc.assert(
      fc.property(fc.array(anyCandidate, { maxLength: 12 }), fc.integer({ min: 1, max: 6 }), (found, count) => {
        const candidates = found.map((one, nth) => ({ ...one, id: `${nth}` }));
        const shards = Array.from({ length: count }, (_, shard) => shard);
        const { places, homeless } = plan(candidates, { shards });
        const usable = candidates.filter((one) => one.health !== 'away' && (one.free ?? 100) >= 100);
        const domains = new Set(usable.map(({ domain }) => domain));
        expect(places.length).toBe(Math.min(count, domains.size));
        expect(new Set(places.map(({ domain }) => domain)).size).toBe(places.length);
        expect(places.every(({ connection }) => usable.some(({ id }) => id === connection))).toBe(true);
        expect([...places.map(({ shard }) => shard), ...homeless]).toEqual(shards);
      }),
    );
  });
});
