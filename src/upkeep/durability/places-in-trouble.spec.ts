import { describe, expect, it } from 'vitest';
import type { PlaceInTrouble } from './durability.store.js';
import { isAway, takesShards, troubleOf } from './places-in-trouble.js';

const well: PlaceInTrouble = {
  id: 'one',
  label: 'one',
  domain: 'one',
  enabled: true,
  needs_reconnect: false,
  alarm: false,
  draining: false,
  given_up: false,
  counted: false,
  failing_since: null,
  failures: 0,
  holds: true,
};
const failing = { failing_since: new Date(Date.now() - 3_600_000), failures: 5 };

describe('a place', () => {
  it.each<[string, Partial<PlaceInTrouble>, boolean, boolean, string | null]>([
    ['that is well', {}, false, true, null],
    ['that fails for long', failing, true, false, 'away'],
    ['that failed once', { failing_since: new Date(), failures: 1 }, false, true, null],
    ['whose consent ended', { needs_reconnect: true }, true, false, 'away'],
    ['that was given up', { ...failing, given_up: true }, false, false, 'given-up'],
    ['that is emptied', { draining: true }, false, false, 'draining'],
    ['that fails and holds nothing of the account', { ...failing, holds: false }, true, false, null],
    ['that is switched off', { enabled: false }, false, false, null],
  ])('%s', (_, change, away, takes, trouble) => {
    const place = { ...well, ...change };
    expect([isAway(place), takesShards(place), troubleOf(place)?.trouble ?? null]).toEqual([away, takes, trouble]);
  });
});
