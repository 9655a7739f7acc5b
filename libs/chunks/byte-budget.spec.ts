import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Allowance, ByteBudget } from './byte-budget.js';

describe('a byte budget', () => {
  it('grants what is there at once, and counts it', async () => {
    const budget = new ByteBudget(10);
    const first = (await budget.take(4))!;
    expect([budget.used, first.size]).toEqual([4, 4]);
    expect(budget.tryTake(7)).toBeNull();
    expect(budget.tryTake(6)!.size).toBe(6);
    first.release();
    first.release();
    expect(budget.used).toBe(6);
  });

  it('lets nobody pass who came later, however little they want', async () => {
    const budget = new ByteBudget(10);
    const held = (await budget.take(8))!;
    const order: string[] = [];
    const large = budget.take(5).then((allowance) => (order.push('large'), allowance!));
    const small = budget.take(1).then((allowance) => (order.push('small'), allowance!));
    expect([budget.tryTake(1), budget.waiting]).toEqual([null, 2]);
    held.release();
    await Promise.all([large, small]);
    expect([order, budget.used, budget.waiting]).toEqual([['large', 'small'], 6, 0]);
  });

  it('serves on what a part was given back of', async () => {
    const budget = new ByteBudget(10);
    const held = (await budget.take(10))!;
    const waiting = budget.take(4);
    held.shrink(6);
    expect((await waiting)!.size).toBe(4);
    held.shrink(8);
    expect([held.size, budget.used]).toEqual([6, 10]);
  });

  it('tells whoever has no more patience, and serves those behind', async () => {
    const budget = new ByteBudget(10);
    const held = (await budget.take(8))!;
    const impatient = budget.take(10, { patienceMs: 10 });
    const modest = budget.take(2);
    expect(await impatient).toBeNull();
    expect((await modest)!.size).toBe(2);
    held.release();
    expect([budget.used, budget.waiting]).toEqual([2, 0]);
  });

  it('lets whoever gives up go, with their reason, and serves those behind', async () => {
    const budget = new ByteBudget(10);
    await budget.take(8);
    const leaving = new AbortController();
    const gone = budget.take(10, { signal: leaving.signal });
    const modest = budget.take(2);
    const why = new Error('gone');
    leaving.abort(why);
    await expect(gone).rejects.toBe(why);
    expect((await modest)!.size).toBe(2);
    expect(() => budget.take(1, { signal: leaving.signal })).toThrow(why);
  });

  it('refuses what it could never grant', () => {
    expect(() => new ByteBudget(10).take(11)).toThrow(RangeError);
  });

  it('gives back at the end of a block', async () => {
    const budget = new ByteBudget(10);
    {
      using held = await budget.take(10);
      expect(held!.size).toBe(10);
    }
    expect(budget.used).toBe(0);
  });

  it('never grants more than it has, and nobody waits for ever', async () => {
    const wishes = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(wishes, async (sizes) => {
        const budget = new ByteBudget(10);
        const held: Allowance[] = [];
        const all = sizes.map((size) => budget.take(size).then((allowance) => void held.push(allowance!)));
        for (let served = 0; served < sizes.length;) {
          await Promise.resolve();
          expect(budget.used).toBeLessThanOrEqual(10);
          const next = held.shift();
          if (!next) continue;
          next.release();
          served += 1;
        }
        await Promise.all(all);
        expect([budget.used, budget.waiting]).toEqual([0, 0]);
      }),
    );
  });
});
