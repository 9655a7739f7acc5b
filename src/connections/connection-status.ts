import type { ConnectionStatus } from '#contracts';
import type { HealthRow } from './health.store.js';
import type { CountedHour } from './traffic.store.js';

/** A run of so many failures … */
const FAILURES = 3;
/** … that has lasted for so long, without one success in any gateway, is no hiccup. */
const FAILING_MS = 60_000;
/** Of so many requests, or more, in this hour and the one before … */
const REQUESTS = 20;
/** … this share failed: it works, but not as it should. */
const FAILED_SHARE = 0.05;

export interface StatusFacts {
  readonly enabled: boolean;
  readonly alarm: string | null;
  readonly needsReconnect: boolean;
  /** Nothing goes out just now: it asked for quiet, or rests after failures. */
  readonly paused: boolean;
  readonly health: Pick<HealthRow, 'failures' | 'failingMs'>;
  readonly hours: readonly CountedHour[];
}

/**
 * `disabled`: its owner does not want it used. `needs-reconnect`: nothing works until somebody signs in there again.
 * `failing`: an alarm stands, or at least three failures in a row over at least a minute, without a success between, in
 * real traffic or by a look of upkeep. `degraded`: it works, but fails now and then, or asked for quiet; a short failure
 * is this. `healthy`: everything else, also when nobody has asked it anything for a while.
 */
export function statusOf({ enabled, alarm, needsReconnect, paused, health, hours }: StatusFacts): ConnectionStatus {
  if (!enabled) return 'disabled';
  if (needsReconnect) return 'needs-reconnect';
  if (alarm !== null || failsForLong(health)) return 'failing';
  const lately = hours.filter(({ ago }) => ago <= 1);
  const requests = lately.reduce((sum, hour) => sum + hour.requests, 0);
  const failed = lately.reduce((sum, hour) => sum + hour.failures, 0);
  const shaky = requests >= REQUESTS && failed / requests >= FAILED_SHARE;
  return health.failingMs !== null || paused || shaky ? 'degraded' : 'healthy';
}

export function failsForLong({ failures, failingMs }: Pick<HealthRow, 'failures' | 'failingMs'>): boolean {
  return failingMs !== null && failingMs >= FAILING_MS && failures >= FAILURES;
}
