import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { chanceOfLoss, nines, spaceFactor } from './durability.js';

const DAYS = 365.25;

/** Numbers from 0 to 1 that are the same every time. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Lives through one year: places die one by one, one lost place at a time is repaired. True when too many were lost at once. */
function yearLosesData(
  counts: { data: number; parity: number },
  { lossRate, repairTime }: { lossRate: number; repairTime: () => number },
  random: () => number,
): boolean {
  const waiting = (rate: number): number => -Math.log(1 - random()) / rate;
  const dies = Array.from({ length: counts.data + counts.parity }, () => waiting(lossRate));
  let repaired = Infinity;
  const lost: number[] = [];
  for (;;) {
    const nextDeath = Math.min(...dies);
    if (Math.min(nextDeath, repaired) > 1) return false;
    if (nextDeath < repaired) {
      const place = dies.indexOf(nextDeath);
      lost.push(place);
      if (lost.length > counts.parity) return true;
      dies[place] = Infinity;
      if (lost.length === 1) repaired = nextDeath + repairTime();
    } else {
      dies[lost.shift()!] = repaired + waiting(lossRate);
      repaired = lost.length > 0 ? repaired + repairTime() : Infinity;
    }
  }
}

function simulated(
  counts: { data: number; parity: number },
  odds: { yearlyLoss: number; repairDays: number },
  how: 'as waiting times do' | 'not at all',
  years: number,
): number {
  const random = randomFrom(counts.data * 100 + counts.parity);
  const lossRate = -Math.log(1 - odds.yearlyLoss);
  const mean = odds.repairDays / DAYS;
  const repairTime = how === 'not at all' ? () => mean : () => -Math.log(1 - random()) * mean;
  let lost = 0;
  for (let year = 0; year < years; year += 1) {
    if (yearLosesData(counts, { lossRate, repairTime }, random)) lost += 1;
  }
  return lost / years;
}

describe('the chance to lose data in a year', () => {
  const YEARS = 40_000;
  it.each([
    [1, 1, 0.2, 30],
    [2, 1, 0.2, 30],
    [4, 2, 0.4, 45],
    [3, 3, 0.5, 60],
    [1, 0, 0.05, 30],
  ])('with %i+%i is what a simulation of 40,000 years finds', (data, parity, yearlyLoss, repairDays) => {
    const odds = { yearlyLoss, repairDays };
    const chance = chanceOfLoss({ data, parity }, odds);
    const found = simulated({ data, parity }, odds, 'as waiting times do', YEARS);
    const spread = Math.sqrt((chance * (1 - chance)) / YEARS);
    expect(chance).toBeGreaterThan(0.005);
    expect(Math.abs(found - chance)).toBeLessThan(4 * spread);
  });

  it('is much the same when repairs always take equally long', () => {
    const odds = { yearlyLoss: 0.3, repairDays: 30 };
    for (const counts of [
      { data: 2, parity: 1 },
      { data: 4, parity: 2 },
    ]) {
      const chance = chanceOfLoss(counts, odds);
      const found = simulated(counts, odds, 'not at all', YEARS);
      expect(found / chance).toBeGreaterThan(0.5);
      expect(found / chance).toBeLessThan(1.25);
    }
  });

  it('of one copy is the chance to lose its place', () => {
    expect(chanceOfLoss({ data: 1, parity: 0 }, { yearlyLoss: 0.05, repairDays: 1 })).toBeCloseTo(0.05, 12);
    expect(chanceOfLoss({ data: 1, parity: 0 }, { yearlyLoss: 0.05, repairDays: 1, years: 2 })).toBeCloseTo(0.0975, 12);
  });

  it('of a mirror that is repaired soon is that of both places at one time', () => {
    const rate = -Math.log(0.99);
    const byHand = 2 * rate * rate * (1 / DAYS);
    const chance = chanceOfLoss({ data: 1, parity: 1 }, { yearlyLoss: 0.01, repairDays: 1 });
    expect(chance / byHand).toBeCloseTo(1, 2);
  });

  it('is right where it is far below what subtraction could tell', () => {
    const rate = -Math.log(0.99);
    const repair = 1 / DAYS;
    const places = 6 * 5 * 4 * 3;
    const chance = chanceOfLoss({ data: 3, parity: 3 }, { yearlyLoss: 0.01, repairDays: 1 });
    expect(chance).toBeLessThan(1e-12);
    expect(chance / (places * rate ** 4 * repair ** 3)).toBeCloseTo(1, 1);
  });

  it('grows with the loss of places, with the time to repair and with the years', () => {
    const counts = { data: 4, parity: 2 };
    const usual = { yearlyLoss: 0.05, repairDays: 7 };
    const chance = chanceOfLoss(counts, usual);
    for (const worse of [{ yearlyLoss: 0.06 }, { repairDays: 8 }, { years: 2 }]) {
      expect(chanceOfLoss(counts, { ...usual, ...worse })).toBeGreaterThan(chance);
    }
    expect(chanceOfLoss(counts, { ...usual, yearlyLoss: 0 })).toBe(0);
    expect(chanceOfLoss(counts, { ...usual, yearlyLoss: 1 })).toBe(1);
  });
});

describe('what it comes to', () => {
  it.each([
    [0.1, 1],
    [0.001, 3],
    [0.0005, 3.3],
    [0.002, 2.6],
    [1, 0],
    [0, Infinity],
  ])('a chance of %d to lose is %d nines', (chance, expected) => {
    expect(nines(chance)).toBe(expected);
  });

  it('costs its parity in space', () => {
    expect([spaceFactor({ data: 1, parity: 1 }), spaceFactor({ data: 4, parity: 2 })]).toEqual([2, 1.5]);
  });
});

describe('the tables of docs/durability.md', () => {
  const page = readFileSync(new URL('../../docs/durability.md', import.meta.url), 'utf8');
  const tables = page.split('\n**Repaired')[1]!.split('\nWhat to take')[0]!.split('\n**');

  it.each([1, 7, 30])('are what the arithmetic gives: repaired within %i days', (repairDays) => {
    const rows = tables[[1, 7, 30].indexOf(repairDays)]!.matchAll(/^\| (\d)\+(\d) \| (\d+) \| ([\d.]+) \| (.*) \|$/gm);
    let count = 0;
    for (const [, data, parity, places, space, cells] of rows) {
      const counts = { data: Number(data), parity: Number(parity) };
      const expected = [0.01, 0.05, 0.2].map((yearlyLoss) => {
        const chance = chanceOfLoss(counts, { yearlyLoss, repairDays });
        return `${chance.toExponential(1)} (${nines(chance).toFixed(1)})`;
      });
      expect(cells).toBe(expected.join(' | '));
      expect([Number(places), space]).toEqual([counts.data + counts.parity, spaceFactor(counts).toFixed(2)]);
      count += 1;
    }
    expect(count).toBe(8);
  });
});
