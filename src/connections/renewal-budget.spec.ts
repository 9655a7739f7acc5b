import { expect, it } from 'vitest';
import { RenewalBudget } from './renewal-budget.js';

it('lets a connection have a few hundred tokens at once, and then one a second, whatever others have', () => {
  let now = 0;
  const budget = new RenewalBudget(() => now);
  const spend = (connection: string, times: number) =>
    Array.from({ length: times }, () => budget.spend(connection)).filter(Boolean).length;
  expect(spend('one', 1000)).toBe(300);
  expect(spend('other', 10)).toBe(10);
  now += 5500;
  expect(spend('one', 1000)).toBe(5);
  now += 3_600_000;
  expect(spend('one', 1000)).toBe(300);
});
