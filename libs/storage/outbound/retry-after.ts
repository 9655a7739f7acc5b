/** A server that asks for more quiet than this is away rather than busy. */
const longestQuietMs = 24 * 3_600_000;

/** The value of `Retry-After`: seconds, or a date. Null where there is none that can be read. */
export function retryAfterMs(header: string | null | undefined): number | null {
  if (header === null || header === undefined) return null;
  const seconds = /^\d+$/.test(header.trim());
  const date = /^\s*[a-z]/i.test(header) ? Date.parse(header) : Number.NaN;
  const ms = seconds ? Number(header) * 1000 : date - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), longestQuietMs) : null;
}
