import { setTimeout as pause } from 'node:timers/promises';
import { vi } from 'vitest';
import { Database } from '../../src/database/index.js';
import { JobRun } from '../../src/jobs/job-run.js';
import { inside } from './inside.js';
import type { TestGateway } from './gateway.js';

/** Asks while the next job that does so ends, in the transaction that decides it; answers what came of it. */
export function whileItEnds<T>(gateway: TestGateway, ask: () => Promise<T>): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const end = JobRun.prototype.end;
  const spy = vi.spyOn(JobRun.prototype, 'end').mockImplementation(async function (this: JobRun, ...words) {
    spy.mockRestore();
    ask().then(resolve, reject);
    await somebodyWaits(gateway);
    return end.apply(this, words);
  });
  return promise;
}

async function somebodyWaits(gateway: TestGateway): Promise<void> {
  const text = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  while ((await inside(gateway, Database).query(text)).length === 0) await pause(5);
}
