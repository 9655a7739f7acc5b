import { describe, expect, it, vi } from 'vitest';
import { DatabaseAway } from '../database/faults.js';
import { Readiness } from './readiness.js';

describe('readiness', () => {
  it('holds when every check does', async () => {
    const readiness = new Readiness();
    readiness.add({ name: 'one', run: () => {} });
    readiness.add({ name: 'two', run: async () => {} });
    expect(await readiness.look()).toEqual({ ready: true, checks: { one: 'ok', two: 'ok' } });
  });

  it('says what a fault says, and nothing of any other error', async () => {
    const readiness = new Readiness();
    readiness.add({ name: 'database', run: () => Promise.reject(new DatabaseAway()) });
    readiness.add({ name: 'odd', run: () => Promise.reject(new Error('password=secret')) });
    const { ready, checks } = await readiness.look();
    expect([ready, checks]).toEqual([
      false,
      { database: 'The database is away for the moment.', odd: 'The check failed.' },
    ]);
  });

  it('does not wait for a check that hangs', async () => {
    vi.useFakeTimers();
    try {
      const readiness = new Readiness();
      readiness.add({ name: 'slow', run: () => new Promise(() => {}) });
      const look = readiness.look();
      await vi.advanceTimersByTimeAsync(2000);
      expect(await look).toEqual({ ready: false, checks: { slow: 'No answer within 2 seconds.' } });
    } finally {
      vi.useRealTimers();
    }
  });

  it('asks once a second at most, whoever wants to know', async () => {
    const readiness = new Readiness();
    const run = vi.fn();
    readiness.add({ name: 'counted', run });
    await Promise.all(Array.from({ length: 100 }, () => readiness.look()));
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('ends at once when the gateway stops', async () => {
    const readiness = new Readiness();
    await readiness.look();
    readiness.onModuleDestroy();
    expect(await readiness.look()).toEqual({ ready: false, checks: { gateway: 'The gateway is stopping.' } });
  });
});
