import type { CountedHour } from './traffic.store.js';

const HOUR_MS = 3_600_000;

/**
 * How many bytes may still be sent in this day, which is the last 24 hours in whole ones, and when there may be more.
 * `ago` 0 is the hour that is not over; what was sent in the hour 24 before it still counts until this one is.
 */
export function leftOfDay(
  hours: readonly Pick<CountedHour, 'ago' | 'up'>[],
  limit: number,
  intoHourMs: number,
): { bytes: number; moreInMs: number } {
  let sent = hours.reduce((sum, { up }) => sum + up, 0);
  const bytes = Math.max(0, limit - sent);
  if (bytes > 0) return { bytes, moreInMs: 0 };
  for (const { ago, up } of [...hours].sort((a, b) => b.ago - a.ago)) {
    sent -= up;
    // An hour that began `ago` hours before this one leaves the day when the 25th after it begins.
    if (up > 0 && sent < limit) return { bytes: 0, moreInMs: (25 - ago) * HOUR_MS - intoHourMs };
  }
  return { bytes: 0, moreInMs: HOUR_MS - intoHourMs };
}
