import { describe, expect, it } from 'vitest';
import { BriefCache } from './brief-cache.js';

function setUp() {
  const clock = { now: 0 };
  const asked: string[] = [];
  const answers = new Map<string, string | null>([['token', 'Ann']]);
  const cache = new BriefCache<string>(() => clock.now);
  const get = (key: string) =>
    cache.get(key, async () => {
      asked.push(key);
      return answers.get(key) ?? null;
    });
  return { clock, asked, answers, cache, get };
}

describe('what is remembered of a caller', () => {
  it('is good for a second from the question, and not longer', async () => {
    const { clock, asked, answers, get } = setUp();
    await get('token');
    answers.set('token', null);
    clock.now = 999;
    expect(await get('token')).toBe('Ann');
    clock.now = 1000;
    expect([await get('token'), asked.length]).toEqual([null, 2]);
  });

  it('is asked for once, however many want it', async () => {
    const { asked, get } = setUp();
    await Promise.all(Array.from({ length: 50 }, () => get('token')));
    expect(asked).toEqual(['token']);
  });

  it('is forgotten at once when told to, an answer on its way included', async () => {
    const { cache } = setUp();
    const slow = Promise.withResolvers<string | null>();
    const early = cache.get('token', () => slow.promise);
    cache.clear();
    const late = cache.get('token', async () => null);
    slow.resolve('Ann');
    expect([await early, await late, await cache.get('token', async () => 'Bob')]).toEqual(['Ann', null, 'Bob']);
  });

  it('does not hold on to an absence or a failure', async () => {
    const { answers, cache, get } = setUp();
    expect(await get('new')).toBe(null);
    answers.set('new', 'Cleo');
    expect(await get('new')).toBe('Cleo');
    await expect(cache.get('x', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await cache.get('x', async () => 'back')).toBe('back');
  });
});
