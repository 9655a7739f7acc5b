import type { CountedHour } from './traffic.store.js';

const HOUR_MS = 3_600_000;

/**
 * How long it takes until so many bytes more fit into a day; 0 where they do now. A day is the last 24 hours in whole
 * ones: what was sent in the hour 24 before this one counts until this one is over. What is larger than a whole day's
 * bytes fits into a day in which nothing else was sent.
 */
export function fitsIntoDayIn(
  hours: readonly Pick<CountedHour, 'ago' | 'up'>[],
  limit: number,
  wanted: number,
  intoHourMs: number,
): number {
  const most = Math.max(0, limit - wanted);
  let sent = hours.reduce((sum, { up }) => sum + up, 0);
  if (sent <= most) return 0;
  for (const { ago, up } of [...hours].sort((a, b) => b.ago - a.ago)) {
    sent -= up;
    if (up > 0 && sent <= most) return (25 - ago) * HOUR_MS - intoHourMs;
  }
  return 25 * HOUR_MS - intoHourMs;
}
