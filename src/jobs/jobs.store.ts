import type { Sql } from '../database/index.js';
import type { Progress } from './progress.js';

export type JobState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

export interface JobRow {
  readonly id: string;
  readonly kind: string;
  /** Null for the house's. */
  readonly account: string | null;
  readonly state: JobState;
  readonly done: number;
  readonly total: number | null;
  readonly note: string | null;
  readonly error: string | null;
  readonly attempts: number;
  readonly created_at: Date;
  readonly ended_at: Date | null;
}

export interface ClaimedJob {
  readonly id: string;
  readonly kind: string;
  readonly account: string | null;
  readonly ids: Record<string, string>;
  /** Failures so far, in a row. */
  readonly attempts: number;
  readonly token: number;
  readonly cancelled: boolean;
}

type Held = Pick<ClaimedJob, 'id' | 'token'>;

const COLUMNS = 'id, kind, account, state, done, total, note, error, attempts, created_at, ended_at';

/** What graphile-worker calls a kind: each process fetches only the kinds that it does. */
export const taskOf = (kind: string): string => `job:${kind}`;

/** Its row is replaced by the key, or added beside one that is being delivered. */
const WAKE = `graphile_worker.add_job('job:' || kind, json_build_object('id', id), job_key := id::text, run_at := next_at)`;

/** Undefined where the same is under way already. */
export async function insertJob(
  sql: Sql,
  job: { id: string; kind: string; account: string | null; ids: Readonly<Record<string, string>> },
): Promise<JobRow | undefined> {
  const rows = await sql.query<JobRow>(
    `with added as (
       insert into jobs (id, kind, account, ids) values ($1, $2, $3, $4)
       on conflict (kind, ids) where ended_at is null do nothing returning *
     )
     select ${COLUMNS} from added cross join lateral (select ${WAKE}) woken`,
    [job.id, job.kind, job.account, job.ids],
  );
  return rows[0];
}

/** One that was told to stop, and has not yet, is wanted again. */
export async function sameJob(
  sql: Sql,
  kind: string,
  ids: Readonly<Record<string, string>>,
): Promise<JobRow | undefined> {
  await sql.execute(
    `update jobs set cancelled_at = null where kind = $1 and ids = $2 and ended_at is null and cancelled_at is not null`,
    [kind, ids],
  );
  const rows = await sql.query<JobRow>(
    `select ${COLUMNS} from jobs where kind = $1 and ids = $2 and ended_at is null for share`,
    [kind, ids],
  );
  return rows[0];
}

export async function endedLately(
  sql: Sql,
  kind: string,
  ids: Readonly<Record<string, string>>,
  seconds: number,
): Promise<boolean> {
  const rows = await sql.query(
    'select 1 from jobs where kind = $1 and ids = $2 and ended_at > now() - make_interval(secs => $3) limit 1',
    [kind, ids, seconds],
  );
  return rows.length > 0;
}

export async function jobById(sql: Sql, id: string): Promise<JobRow | undefined> {
  return (await sql.query<JobRow>(`select ${COLUMNS} from jobs where id = $1`, [id]))[0];
}

/** An account's jobs, and the house's where they are wanted too, the newest first. */
export function jobsOf(
  sql: Sql,
  whose: { account: string; house: boolean },
  page: { before: string | null; most: number },
): Promise<JobRow[]> {
  return sql.query(
    `select ${COLUMNS} from jobs where (account = $1 or ($2 and account is null)) and ($3::uuid is null or id < $3)
     order by id desc limit $4`,
    [whose.account, whose.house, page.before, page.most],
  );
}

/**
 * Takes a job that waits and is due, or whose gateway has died. Undefined where there is nothing to do: it was delivered
 * before, or too early, or somebody has it in hand.
 */
export async function claimJob(sql: Sql, id: string, gateway: string): Promise<ClaimedJob | undefined> {
  const rows = await sql.query<ClaimedJob>(
    `update jobs set state = 'running', gateway = $2, token = nextval('fencing_tokens')
     where id = $1 and ((state = 'waiting' and next_at <= now()) or (state = 'running' and ${GATEWAY_IS_DEAD}))
       and exists (select 1 from gateways g where g.id = $2 and g.alive_until > now())
     returning id, kind, account, ids, attempts, token, cancelled_at is not null as cancelled`,
    [id, gateway],
  );
  return rows[0];
}

/** Whether a job waits for somebody now. */
export async function isDue(sql: Sql, id: string): Promise<boolean> {
  const rows = await sql.query(`select 1 from jobs where id = $1 and state = 'waiting' and next_at <= now()`, [id]);
  return rows.length > 0;
}

const GATEWAY_IS_DEAD = `not exists (select 1 from gateways g where g.id = jobs.gateway and g.alive_until > now())`;

/** Whether the attempt still has the job; it is locked until the transaction ends. */
export async function holdJob(sql: Sql, { id, token }: Held): Promise<boolean> {
  const rows = await sql.query(`select 1 from jobs where id = $1 and token = $2 and state = 'running' for update`, [
    id,
    token,
  ]);
  return rows.length > 0;
}

export async function noteProgress(sql: Sql, { id, token }: Held, progress: Progress): Promise<boolean> {
  const touched = await sql.execute(
    `update jobs set done = coalesce($3, done), total = case when $4 then $5 else total end,
       note = case when $6 then $7 else note end
     where id = $1 and token = $2 and state = 'running'`,
    [
      id,
      token,
      progress.done ?? null,
      progress.total !== undefined,
      progress.total ?? null,
      progress.note !== undefined,
      progress.note ?? null,
    ],
  );
  return touched > 0;
}

/** Ends the attempt and the job. False when it was not this attempt's any more, or is not cancelled any more. */
export async function endJob(
  sql: Sql,
  { id, token }: Held,
  state: 'done' | 'failed' | 'cancelled',
  error: string | null,
): Promise<boolean> {
  const touched = await sql.execute(
    `update jobs set state = $3, error = $4, gateway = null, ended_at = now()
     where id = $1 and token = $2 and state = 'running' and ($3 <> 'cancelled' or cancelled_at is not null)`,
    [id, token, state, error],
  );
  return touched > 0;
}

/** Ends the attempt; the job is delivered again after a while. Without an error the one before stays. */
export async function putBack(
  sql: Sql,
  { id, token }: Held,
  again: { afterSeconds: number; attempts: number; error?: string | null },
): Promise<void> {
  await sql.query(
    `with waiting as (
       update jobs set state = 'waiting', gateway = null, next_at = now() + make_interval(secs => $3), attempts = $4,
         error = case when $5 then $6 else error end
       where id = $1 and token = $2 and state = 'running' returning id, kind, next_at
     ) select ${WAKE} from waiting`,
    [id, token, again.afterSeconds, again.attempts, again.error !== undefined, again.error ?? null],
  );
}

/** A job that waits for its next attempt is due now. */
export async function hurryJob(sql: Sql, id: string): Promise<void> {
  await sql.query(
    `with hurried as (
       update jobs set next_at = now() where id = $1 and state = 'waiting' returning id, kind, next_at
     ) select ${WAKE} from hurried`,
    [id],
  );
}

/** Ends a job that waits; one that runs is told to its gateway. Undefined when it has ended before. */
export async function cancelJob(sql: Sql, id: string): Promise<JobRow | undefined> {
  const rows = await sql.query<JobRow>(
    `update jobs set cancelled_at = coalesce(cancelled_at, now()),
       state = case when state = 'waiting' then 'cancelled' else state end,
       ended_at = case when state = 'waiting' then now() end
     where id = $1 and ended_at is null returning ${COLUMNS}`,
    [id],
  );
  return rows[0];
}

/** Those of the given jobs that their attempts still have, and whether they are wanted. */
export function stillHeld(sql: Sql, held: readonly Held[]): Promise<{ token: number; cancelled: boolean }[]> {
  return sql.query(
    `select token, cancelled_at is not null as cancelled from jobs
     where id = any ($1) and token = any ($2) and state = 'running'`,
    [held.map((job) => job.id), held.map((job) => job.token)],
  );
}

/**
 * Wakes somebody up for every job whose gateway has died, and for those that were due a while ago: the one that was to
 * deliver them died in between, and graphile-worker would keep them for four hours.
 */
export async function wakeForgotten(sql: Sql, overdueSeconds: number): Promise<number> {
  const woken = await sql.query(
    `with forgotten as (
       select id as found from jobs
       where (state = 'running' and ${GATEWAY_IS_DEAD})
          or (state = 'waiting' and next_at < now() - make_interval(secs => $1))
       limit 500 for update skip locked
     ), waiting as (
       update jobs set state = 'waiting', gateway = null, next_at = now() from forgotten where id = found
       returning id, kind, next_at
     ) select ${WAKE} from waiting`,
    [overdueSeconds],
  );
  return woken.length;
}

const KEPT = `interval '90 days'`;

export function forgetOldJobs(sql: Sql): Promise<number> {
  return sql.execute(`delete from jobs where ended_at < now() - ${KEPT}`);
}
