import { expect, test } from 'vitest';
import { statusOf, type StatusFacts } from './connection-status.js';

const well: StatusFacts = {
  enabled: true,
  alarm: null,
  needsReconnect: false,
  paused: false,
  health: { failures: 0, failingMs: null },
  hours: [],
};
const hour = (ago: number, requests: number, failures: number) => ({
  ago,
  requests,
  failures,
  throttles: 0,
  up: 0,
  down: 0,
});

test.each<[string, string, Partial<StatusFacts>]>([
  ['nothing was heard of it', 'healthy', {}],
  ['it failed once just now', 'degraded', { health: { failures: 1, failingMs: 500 } }],
  ['it failed often, for less than a minute', 'degraded', { health: { failures: 9, failingMs: 59_000 } }],
  ['it failed twice, a minute ago', 'degraded', { health: { failures: 2, failingMs: 90_000 } }],
  ['it has failed three times over a minute', 'failing', { health: { failures: 3, failingMs: 60_000 } }],
  ['an alarm stands', 'failing', { alarm: 'somebody else’s folder' }],
  ['it asked for quiet', 'degraded', { paused: true }],
  ['one request in twenty fails', 'degraded', { hours: [hour(0, 10, 1), hour(1, 10, 0)] }],
  ['one of a few failed', 'healthy', { hours: [hour(0, 5, 1)] }],
  ['it was shaky hours ago', 'healthy', { hours: [hour(2, 100, 50)] }],
  ['its consent was withdrawn', 'needs-reconnect', { needsReconnect: true, alarm: 'x' }],
  ['somebody switched it off', 'disabled', { enabled: false, needsReconnect: true, alarm: 'x' }],
])('when %s it is %s', (_when, status, facts) => {
  expect(statusOf({ ...well, ...facts })).toBe(status);
});
