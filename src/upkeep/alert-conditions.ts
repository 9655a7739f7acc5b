import { failsForLong } from '../connections/index.js';
import type { Condition, WatchedConnection } from './alerts.store.js';

/** What always stays free of a place: less than this is full. */
const SPARED_SHARE = 0.01;
const SPARED_MOST = 256 * 1024 ** 2;

/** What an operator should know of. A connection that somebody has switched off is nobody's worry. */
export function conditionsOf(connection: WatchedConnection): Condition[] {
  const { enabled, alarm, losses, needsReconnect } = connection;
  if (!enabled) return [];
  const found: Condition[] = [];
  if (alarm) found.push('alarm');
  if (losses) found.push('losses');
  if (needsReconnect) found.push('needs-reconnect');
  else if (failsForLong(connection)) found.push('failing');
  if (isFull(connection)) found.push('full');
  return found;
}

/** Once told, it is over only when there is twice as much: a place at the brink is no news every minute. */
function isFull({ total, free, alerted }: WatchedConnection): boolean {
  if (free === null) return false;
  const spared = Math.min(SPARED_MOST, (total ?? Infinity) * SPARED_SHARE);
  return free < (alerted.includes('full') ? 2 * spared : spared);
}
