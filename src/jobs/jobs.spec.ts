import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Job } from '#contracts';
import { startDatabase, type TestDatabase } from '../../test/support/database.js';
import { ConnectionAway } from '#storage';
import { GatewayLease } from '../gateways/index.js';
import { GatewayStops, JobCancelled, JobKindUnfit, JobLost, JobNotCancellable, JobUnknown, NotYet } from './faults.js';
import { type JobKind, JobKinds } from './job-kinds.js';
import { Jobs } from './jobs.js';
import type { JobRun } from './job-run.js';
import { RunJobs } from './run-jobs.js';
import { Worker } from './worker.js';

/** A gateway, as far as jobs need one. */
interface Site {
  readonly lease: GatewayLease;
  readonly jobs: Jobs;
  readonly runs: RunJobs;
  readonly worker: Worker;
  stop(): Promise<void>;
}

let store: TestDatabase;
let sites: Site[];
beforeEach(async () => {
  store = await startDatabase();
  sites = [];
});
afterEach(async () => {
  for (const site of sites) await site.stop();
  await store.stop();
});

const USUAL = { name: 'usual', attempts: null, cancellable: true };
const owner = { account: randomUUID(), admin: false };

async function site(kind: Partial<JobKind> & Pick<JobKind, 'run'>, working = true): Promise<Site> {
  const lease = new GatewayLease(store.database);
  await lease.onModuleInit();
  const kinds = new JobKinds();
  kinds.register({ ...USUAL, ...kind });
  const runs = new RunJobs(store.database, kinds, lease);
  const worker = new Worker(store.database, runs, kinds);
  if (working) worker.onApplicationBootstrap();
  let stopped = false;
  const made = {
    lease,
    runs,
    worker,
    jobs: new Jobs(store.database, kinds),
    async stop() {
      if (stopped) return;
      stopped = true;
      await worker.onModuleDestroy();
      await lease.onApplicationShutdown();
    },
  };
  sites.push(made);
  return made;
}

const ask = ({ jobs }: Site, ids: Record<string, string> = { thing: randomUUID() }): Promise<Job> =>
  store.database.tx((sql) => jobs.enqueue(sql, { kind: 'usual', account: owner.account, ids }));

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await pause(5);
}

async function reaches(at: Site, { id }: Job, state: Job['state']): Promise<Job> {
  await until(async () => (await at.jobs.get(owner, id)).state === state);
  return at.jobs.get(owner, id);
}

/** Whatever was put off is due now. */
const timePasses = () => store.database.query(`update jobs set next_at = now() - interval '1 minute'`);
const somebodyWaits = async (): Promise<boolean> => {
  const waiting = await store.database.query(
    `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return waiting.length > 0;
};
const kill = ({ lease }: Site) =>
  store.database.query(`update gateways set alive_until = now() where id = $1`, [lease.id]);

describe('a job', () => {
  it('is there if and only if the transaction that asked for it is', async () => {
    const ran: string[] = [];
    const here = await site({ run: async (job) => void ran.push(job.ids['thing']!) });
    const [lost, kept] = [randomUUID(), randomUUID()];
    const failing = store.database.tx(async (sql) => {
      await here.jobs.enqueue(sql, { kind: 'usual', account: null, ids: { thing: lost } });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    const job = await ask(here, { thing: kept });
    expect(job).toMatchObject({ state: 'waiting', kind: 'usual', error: null, endedAt: null });
    await reaches(here, job, 'done');
    expect(ran).toEqual([kept]);
  });

  it('is told ids and nothing else, by the code and by the table', async () => {
    const here = await site({ run: async () => {} }, false);
    await expect(ask(here, { thing: 'secret' })).rejects.toThrow(JobKindUnfit);
    const other = { kind: 'unheard-of', account: null, ids: {} };
    await expect(store.database.tx((sql) => here.jobs.enqueue(sql, other))).rejects.toThrow(JobKindUnfit);
    const insert = `insert into jobs (id, kind, ids) values (gen_random_uuid(), 'usual', '{"thing": "secret"}')`;
    await expect(store.database.query(insert)).rejects.toThrow('jobs_ids_check');
  });

  it('that ends with a transaction is not the answer to who asks while that lasts', async () => {
    const ids = { thing: randomUUID() };
    let asking: Promise<Job> | undefined;
    const here = await site(
      {
        run: (run) =>
          store.database.tx(async (sql) => {
            await run.hold(sql);
            asking = ask(here, ids);
            await until(somebodyWaits);
            await run.end(sql);
          }),
      },
      false,
    );
    const job = await ask(here, ids);
    await here.runs.deliver(job.id);
    expect(await here.jobs.get(owner, job.id)).toMatchObject({ state: 'done', error: null });
    expect(await asking).toMatchObject({ state: 'waiting' });
    expect((await asking)?.id).not.toBe(job.id);
  });

  it('that is under way already is not begun beside itself', async () => {
    const here = await site({ run: async () => {} }, false);
    const ids = { thing: randomUUID() };
    const [first, second] = [await ask(here, ids), await ask(here, ids)];
    expect(second.id).toBe(first.id);
    await here.runs.deliver(first.id);
    expect((await ask(here, ids)).id).not.toBe(first.id);
  });

  it('is done once, though each of fifty is delivered three times at once, and once more late', async () => {
    const ran = new Map<string, number>();
    const run = async (job: JobRun) => {
      ran.set(job.id, (ran.get(job.id) ?? 0) + 1);
      await pause(1);
    };
    const [here, there] = [await site({ run }), await site({ run })];
    const made = await Promise.all(Array.from({ length: 50 }, () => ask(here)));
    for (const at of [here, there, here]) await Promise.all(made.map((job) => at.runs.deliver(job.id)));
    for (const job of made) await reaches(here, job, 'done');
    await Promise.all(made.map((job) => there.runs.deliver(job.id)));
    expect([...ran.values()]).toEqual(Array(50).fill(1));
  });

  it('shows how far it is, and the last word of it', async () => {
    const halfway = Promise.withResolvers<void>();
    const here = await site({
      async run(job) {
        await job.progress({ done: 0, total: 10, note: 'Begun.' });
        for (let done = 1; done <= 9; done++) await job.progress({ done });
        await halfway.promise;
        await job.progress({ done: 10, note: null });
      },
    });
    const job = await ask(here);
    await until(async () => (await here.jobs.get(owner, job.id)).progress.total === 10);
    expect((await here.jobs.get(owner, job.id)).progress).toMatchObject({ total: 10, note: 'Begun.' });
    halfway.resolve();
    expect((await reaches(here, job, 'done')).progress).toEqual({ done: 10, total: 10, note: null });
  });
});

describe('a job that fails', () => {
  it('is tried again after a while, with its error shown, for ever', async () => {
    let left = 40;
    const here = await site({
      run: async () => {
        if (left-- > 0) throw new ConnectionAway();
      },
    });
    const job = await ask(here);
    await until(async () => {
      await timePasses();
      await here.worker.recover();
      return (await here.jobs.get(owner, job.id)).state === 'done';
    });
    expect(left).toBe(-1);
  });

  it('waits longer each time, and tells no stranger’s words', async () => {
    const here = await site({ run: () => Promise.reject(new Error('password=secret')) }, false);
    const job = await ask(here);
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 12; attempt++) {
      await timePasses();
      await here.runs.deliver(job.id);
      const [row] = await store.database.query<{ wait: number }>(
        `select extract(epoch from next_at - now())::float8 as wait from jobs`,
      );
      pauses.push(row!.wait);
    }
    expect(pauses[0]).toBeLessThan(3);
    expect(pauses[4]).toBeGreaterThan(20);
    expect(Math.max(...pauses)).toBeLessThan(760);
    const { state, error } = await here.jobs.get(owner, job.id);
    expect([state, error]).toEqual(['waiting', 'Something unexpected happened.']);
  });

  it('is given up where its kind says so', async () => {
    const here = await site({ attempts: 3, run: () => Promise.reject(new ConnectionAway()) }, false);
    const job = await ask(here);
    for (let attempt = 0; attempt < 5; attempt++) {
      await timePasses();
      await here.runs.deliver(job.id);
    }
    expect(await here.jobs.get(owner, job.id)).toMatchObject({ state: 'failed', error: new ConnectionAway().message });
  });

  it('has not failed when it only waits for something', async () => {
    let left = 5;
    const run = async () => {
      if (left-- > 0) throw new NotYet('Not yet.', 30);
    };
    const here = await site({ attempts: 2, run }, false);
    const job = await ask(here);
    for (let attempt = 0; attempt < 6; attempt++) {
      await timePasses();
      await here.runs.deliver(job.id);
    }
    expect(await here.jobs.get(owner, job.id)).toMatchObject({ state: 'done', error: null });
  });
});

describe('a gateway that dies', () => {
  it('leaves its job to another one, and can write no word about it any more', async () => {
    const stuck = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<JobRun>();
    const dying = await site(
      {
        run: async (job) => {
          begun.resolve(job);
          await stuck.promise;
          await job.progress({ done: 666 });
        },
      },
      false,
    );
    const job = await ask(dying);
    const delivering = dying.runs.deliver(job.id);
    const old = await begun.promise;
    await kill(dying);
    const heir = await site({ run: (run) => run.progress({ done: 7 }) });
    await heir.worker.recover();
    await reaches(heir, job, 'done');
    await expect(store.database.tx((sql) => old.hold(sql))).rejects.toThrow(JobLost);
    await dying.runs.lookOnce();
    expect(old.signal.reason).toBeInstanceOf(JobLost);
    stuck.resolve();
    await delivering;
    expect(await heir.jobs.get(owner, job.id)).toMatchObject({ state: 'done', progress: { done: 7 } });
  });

  it('between being woken up and beginning leaves nothing that is not found', async () => {
    const here = await site({ run: async () => {} }, false);
    const job = await ask(here);
    await store.database.query(`update graphile_worker._private_jobs set locked_at = now(), locked_by = 'the dead'`);
    await timePasses();
    const heir = await site({ run: async () => {} });
    await heir.worker.recover();
    await reaches(heir, job, 'done');
  });

  it('of which others think so takes no job before it has a new name', async () => {
    const here = await site({ run: async () => {} }, false);
    const job = await ask(here);
    await kill(here);
    await expect(here.runs.deliver(job.id)).rejects.toThrow(GatewayStops);
    expect((await here.jobs.get(owner, job.id)).state).toBe('waiting');
  });
});

describe('a gateway that stops', () => {
  it('does not wait for ever for one that does not listen', async () => {
    const begun = Promise.withResolvers<void>();
    const here = await site({
      async run() {
        begun.resolve();
        await new Promise(() => {});
      },
    });
    here.runs.patienceMs = 20;
    const job = await ask(here);
    await begun.promise;
    await here.stop();
    const heir = await site({ run: async () => {} });
    await heir.worker.recover();
    await reaches(heir, job, 'done');
  });

  it('puts its jobs back, and the next one goes on where they were', async () => {
    const begun = Promise.withResolvers<void>();
    const first = await site({
      async run(job) {
        await job.progress({ done: 3, total: 5 });
        begun.resolve();
        await new Promise((_, reject) => job.signal.addEventListener('abort', () => reject(new Error('cut off'))));
      },
    });
    const job = await ask(first);
    await begun.promise;
    await first.stop();
    expect(await first.jobs.get(owner, job.id)).toMatchObject({ state: 'waiting', progress: { done: 3 }, error: null });
    const second = await site({ run: async () => {} });
    await reaches(second, job, 'done');
  });
});

describe('a job that is called off', () => {
  it('ends at once while it waits', async () => {
    const here = await site({ run: () => Promise.reject(new Error('It was not to run.')) }, false);
    const job = await ask(here);
    expect((await here.jobs.cancel(owner, job.id)).state).toBe('cancelled');
    await here.runs.deliver(job.id);
    await expect(here.jobs.cancel(owner, job.id)).rejects.toThrow(JobNotCancellable);
  });

  it('is told while it runs', async () => {
    const begun = Promise.withResolvers<AbortSignal>();
    const here = await site({
      async run({ signal }) {
        begun.resolve(signal);
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
      },
    });
    const job = await ask(here);
    const signal = await begun.promise;
    await here.jobs.cancel(owner, job.id);
    await here.runs.lookOnce();
    expect(signal.reason).toBeInstanceOf(JobCancelled);
    expect((await reaches(here, job, 'cancelled')).endedAt).not.toBeNull();
  });

  it('is wanted again before it has stopped: it goes on', async () => {
    const stops = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    let attempts = 0;
    const here = await site({
      async run({ signal }) {
        attempts += 1;
        if (attempts > 1) return;
        begun.resolve();
        await stops.promise;
        signal.throwIfAborted();
      },
    });
    const thing = { thing: randomUUID() };
    const job = await ask(here, thing);
    await begun.promise;
    await here.jobs.cancel(owner, job.id);
    await here.runs.lookOnce();
    expect((await ask(here, thing)).id).toBe(job.id);
    stops.resolve();
    await until(async () => (await here.jobs.get(owner, job.id)).endedAt !== null);
    expect([(await here.jobs.get(owner, job.id)).state, attempts]).toEqual(['done', 2]);
  });

  it('goes on where its kind knows no way back', async () => {
    const here = await site({ cancellable: false, run: async () => {} }, false);
    const job = await ask(here);
    await expect(here.jobs.cancel(owner, job.id)).rejects.toThrow(JobNotCancellable);
  });
});

describe('who looks', () => {
  it('sees the own jobs, admins the house’s too, and nobody anybody else’s', async () => {
    const here = await site({ run: async () => {} }, false);
    const mine = await ask(here);
    const house = await store.database.tx((sql) => here.jobs.enqueue(sql, { kind: 'usual', account: null, ids: {} }));
    const [admin, other] = [
      { account: randomUUID(), admin: true },
      { account: randomUUID(), admin: false },
    ];
    const list = async (by: typeof owner) => (await here.jobs.list(by, { limit: 10 })).items.map(({ id }) => id);
    expect(await list(owner)).toEqual([mine.id]);
    expect(await list(admin)).toEqual([house.id]);
    expect(await list({ ...owner, admin: true })).toEqual([house.id, mine.id]);
    expect(await list(other)).toEqual([]);
    for (const [by, id] of [
      [other, mine.id],
      [admin, mine.id],
      [other, house.id],
    ] as const) {
      await expect(here.jobs.get(by, id)).rejects.toThrow(JobUnknown);
      await expect(here.jobs.cancel(by, id)).rejects.toThrow(JobUnknown);
    }
  });

  it('pages through them, the newest first', async () => {
    const here = await site({ run: async () => {} }, false);
    for (let count = 0; count < 5; count++) await ask(here);
    const first = await here.jobs.list(owner, { limit: 3 });
    const second = await here.jobs.list(owner, { limit: 3, cursor: first.nextCursor! });
    expect([first.items.length, second.items.length, second.nextCursor]).toEqual([3, 2, undefined]);
    expect(first.items.at(-1)!.id > second.items[0]!.id).toBe(true);
  });
});

describe('a job whose gateway stops between the claim and the handler', () => {
  it('is put back', async () => {
    const here = await site({ run: async ({ signal }) => signal.throwIfAborted() }, false);
    const job = await ask(here);
    const delivering = here.runs.deliver(job.id);
    await here.runs.stop();
    await delivering;
    expect((await here.jobs.get(owner, job.id)).state).toBe('waiting');
  });
});
