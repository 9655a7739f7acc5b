import type { ShardCounts } from './code/erasure-code.js';

export interface Odds {
  /** The chance that one place is lost for good within a year, everything on it. */
  readonly yearlyLoss: number;
  /** From a loss until its shards lie somewhere else, on average: noticing, finding room, rebuilding. */
  readonly repairDays: number;
  readonly years?: number;
}

const DAYS_A_YEAR = 365.25;

/**
 * The chance that more places are lost at one time than the code has parity, within a year unless
 * said otherwise, for what lies on one set of places that fail independently.
 *
 * A chain of states: so many places are lost. From each the next comes with the loss of any place
 * that is left, the one before with a repair; one place is repaired at a time, and how long it takes
 * varies as waiting times do. The state beyond the last is final. Its chance is a sum of positive
 * terms, never 1 less something, so that tiny ones are right to many digits.
 */
export function chanceOfLoss({ data, parity }: ShardCounts, { yearlyLoss, repairDays, years = 1 }: Odds): number {
  if (yearlyLoss === 1) return 1;
  const lossRate = -Math.log1p(-yearlyLoss);
  const repairRate = DAYS_A_YEAR / repairDays;
  const states = parity + 2;
  const losses = (lost: number): number => (lost > parity ? 0 : (data + parity - lost) * lossRate);
  const repairs = (lost: number): number => (lost > 0 && lost <= parity ? repairRate : 0);
  const fastest = Math.max(...range(states).map((lost) => losses(lost) + repairs(lost)));
  const step = range(states).map((from) =>
    range(states).map((to) => {
      if (to === from + 1) return losses(from) / fastest;
      if (to === from - 1) return repairs(from) / fastest;
      return to === from ? 1 - (losses(from) + repairs(from)) / fastest : 0;
    }),
  );
  return (afterTime(step, fastest * years)[0] as number[])[states - 1] as number;
}

/** Leading nines of the chance that nothing is lost: 0.001 is three. With one digit behind the point, rounded down. */
export function nines(chance: number): number {
  return chance === 0 ? Infinity : Math.floor(-Math.log10(chance) * 10 + 1e-9) / 10;
}

/** Bytes stored for each byte of data. */
export function spaceFactor({ data, parity }: ShardCounts): number {
  return (data + parity) / data;
}

type Square = readonly (readonly number[])[];

/**
 * Transition chances after a time in which so many steps happen on average, at random moments: the
 * Poisson mix of the powers of one step, for a short time, doubled as often as it takes.
 */
function afterTime(step: Square, steps: number): Square {
  const doublings = Math.max(0, Math.ceil(Math.log2(steps)) + 1);
  const short = steps / 2 ** doublings;
  let term: Square = step.map((row, from) => row.map((_, to) => (from === to ? Math.exp(-short) : 0)));
  let sum = term;
  for (let nth = 1; nth <= 40; nth += 1) {
    term = times(term, step).map((row) => row.map((chance) => (chance * short) / nth));
    sum = sum.map((row, from) => row.map((chance, to) => chance + term[from]![to]!));
  }
  for (let nth = 0; nth < doublings; nth += 1) sum = times(sum, sum);
  return sum;
}

function times(left: Square, right: Square): Square {
  return left.map((row) => row.map((_, to) => row.reduce((sum, chance, via) => sum + chance * right[via]![to]!, 0)));
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
