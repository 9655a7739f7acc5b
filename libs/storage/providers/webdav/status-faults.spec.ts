import { describe, expect, it } from 'vitest';
import { AccessRefused, ConnectionAway, ConnectionFull, Throttled } from '../../errors.js';
import { retryAfterMs } from '../../outbound/retry-after.js';
import { faultOf } from './status-faults.js';

const told = (header: string | null) => (name: string) => (name === 'retry-after' ? header : null);

describe('What the answer of a server means', () => {
  it.each([
    [401, AccessRefused],
    [403, AccessRefused],
    [405, AccessRefused],
    [413, AccessRefused],
    [501, AccessRefused],
    [301, AccessRefused],
    [202, AccessRefused],
    [404, ConnectionAway],
    [409, ConnectionAway],
    [412, ConnectionAway],
    [423, ConnectionAway],
    [500, ConnectionAway],
    [502, ConnectionAway],
    [503, ConnectionAway],
    [504, ConnectionAway],
    [429, Throttled],
    [509, Throttled],
    [507, ConnectionFull],
  ])('%i is %o', (status, fault) => {
    expect(faultOf(status, told(null))).toBeInstanceOf(fault);
  });

  it('503 with a time is a wish to be left alone', () => {
    expect(faultOf(503, told('120'))).toMatchObject({ name: 'Throttled', retryAfterMs: 120_000 });
  });

  it.each([
    ['0', 0],
    [' 7 ', 7000],
    ['99999999', 24 * 3_600_000],
    ['soon', null],
    ['-5', null],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    [null, null],
  ])('a wait of %j is %j ms', (header, ms) => {
    expect(retryAfterMs(header)).toBe(ms);
  });

  it('a wait may be a date', () => {
    const ms = retryAfterMs(new Date(Date.now() + 60_000).toUTCString());
    expect(ms).toBeGreaterThan(55_000);
    expect(ms).toBeLessThanOrEqual(60_000);
  });
});
