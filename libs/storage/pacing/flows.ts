import type { GatedRequest } from '../request-gate.js';
import type { Learned } from './learned.js';
import type { TurnFlow } from './turnstile.js';

/** What one connection may be asked to do, over all gateways. Null: nothing is known against more. */
export interface GateLimits {
  readonly concurrency: number;
  readonly requestsPerSecond: number | null;
  /** In the vendor's own units. */
  readonly unitsPerSecond: number | null;
  readonly uploadBytesPerSecond: number | null;
  readonly downloadBytesPerSecond: number | null;
}

/**
 * A quarter of a second may come at once where the limit was set by somebody; where it was found by running into it,
 * each waits for its own time.
 */
const burstMs = 250;

/** The flows that a request is part of. One that is larger than a second's worth passes, and puts off the next one. */
export function flowsFor(request: GatedRequest, limits: GateLimits, known: Learned): TurnFlow[] {
  const { kind, bytes = 0, units = 1 } = request;
  const flows: TurnFlow[] = [];
  const add = (name: string, amount: number, perSecond: number | null, burst = burstMs): void => {
    if (perSecond !== null && amount > 0) flows.push({ name, costMs: (amount * 1000) / perSecond, burstMs: burst });
  };
  add('requests', 1, limits.requestsPerSecond);
  add('learned', 1, known.rate, 0);
  add('units', units, limits.unitsPerSecond);
  if (kind === 'upload') add('up', bytes, limits.uploadBytesPerSecond);
  if (kind === 'download') add('down', bytes, limits.downloadBytesPerSecond);
  return flows;
}
