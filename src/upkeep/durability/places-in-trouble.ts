import type { DurabilityOfAccount } from '#contracts';
import { failsForLong } from '../../connections/index.js';
import type { PlaceInTrouble } from './durability.store.js';

/** It does not answer, or nobody may ask it; nobody has said that it is lost. */
export function isAway(place: PlaceInTrouble): boolean {
  if (place.given_up) return false;
  const failingMs = place.failing_since === null ? null : Date.now() - place.failing_since.getTime();
  return place.needs_reconnect || failsForLong({ failures: place.failures, failingMs });
}

/** Whether a shard may be put there. */
export function takesShards(place: PlaceInTrouble): boolean {
  return place.enabled && !place.draining && !place.given_up && !place.alarm && !isAway(place);
}

type Trouble = DurabilityOfAccount['places'][number];

/** Null for a place that is well, or holds nothing of the account. */
export function troubleOf(place: PlaceInTrouble): Trouble | null {
  if (!place.holds) return null;
  const named = { connection: place.id, label: place.label };
  const since = place.failing_since?.toISOString() ?? null;
  if (place.given_up) {
    const words = 'It was given up: what lies there is made anew elsewhere. If it comes back, it counts again.';
    return { ...named, trouble: 'given-up', since, words };
  }
  if (isAway(place)) {
    const words = place.needs_reconnect
      ? 'Somebody has to sign in there again; until then nothing there can be read.'
      : 'It does not answer for now. What lies there is not lost, and is read from the others meanwhile.';
    return { ...named, trouble: 'away', since, words };
  }
  if (!place.draining) return null;
  return { ...named, trouble: 'draining', since: null, words: 'What lies there is moved to the others.' };
}
