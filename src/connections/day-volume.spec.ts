import { expect, test } from 'vitest';
import { fitsIntoDayIn } from './day-volume.js';

const HOUR = 3_600_000;
const hours = (...up: number[]) => up.map((bytes, ago) => ({ ago, up: bytes }));

test.each([
  ['nothing was sent', hours(), 100, 10, 0],
  ['it just fits', hours(50, 40), 100, 10, 0],
  ['it does not fit until the older hour has left the day', hours(50, 41), 100, 10, 24 * HOUR - 60_000],
  ['both hours have to leave', hours(50, 41), 100, 60, 25 * HOUR - 60_000],
  ['the oldest hour leaves with this one', [...hours(50), { ago: 24, up: 45 }], 100, 10, HOUR - 60_000],
  ['it is larger than a day, and nothing was sent', hours(0), 100, 500, 0],
  ['it is larger than a day, and something was sent', hours(1), 100, 500, 25 * HOUR - 60_000],
])('bytes fit into a day when %s', (_, sent, limit, wanted, expected) => {
  expect(fitsIntoDayIn(sent, limit, wanted, 60_000)).toBe(expected);
});
