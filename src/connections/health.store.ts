import type { Sql } from '../database/index.js';

/** Ages, not times: the database's clock decides what was first, whoever writes it down. */
export interface SeenOfConnection {
  readonly succeededMsAgo: number | null;
  readonly error: string | null;
  readonly erredMsAgo: number | null;
  /** Failures since the last success, not written down yet. */
  readonly failures: number;
  readonly failingMsAgo: number | null;
}

/**
 * A run of failures goes on over gateways: it begins with the first failure after the last success that anybody has seen,
 * and a success that is later than all of it ends it.
 */
export async function noteHealth(sql: Sql, id: string, seen: SeenOfConnection): Promise<void> {
  await sql.execute(
    `with times as (
       select now() - make_interval(secs => $2::double precision / 1000) as succeeded,
         now() - make_interval(secs => $4::double precision / 1000) as erred,
         now() - make_interval(secs => $6::double precision / 1000) as failing)
     update connections set
       last_success_at = greatest(last_success_at, succeeded),
       last_error = coalesce($3, last_error), last_error_at = greatest(last_error_at, erred),
       failing_since = case
         when $5 > 0 and failing_since > greatest(last_success_at, succeeded) then failing_since
         when $5 > 0 then coalesce(failing, erred)
         when succeeded > failing_since and failing is null then null
         else failing_since end,
       failures = case
         when $5 > 0 and failing_since > greatest(last_success_at, succeeded) then failures + $5
         when $5 > 0 then $5
         when succeeded > failing_since and failing is null then 0
         else failures end
     from times where id = $1`,
    [id, seen.succeededMsAgo, seen.error, seen.erredMsAgo, seen.failures, seen.failingMsAgo],
  );
}

/** Whether it is this gateway that looks now: nobody else has within this time. */
export async function claimLook(sql: Sql, id: string, everyMs: number): Promise<boolean> {
  const claimed = await sql.execute(
    `update connections set looked_at = now() where id = $1
       and (looked_at is null or looked_at < now() - make_interval(secs => $2::double precision / 1000))`,
    [id, everyMs],
  );
  return claimed > 0;
}

export interface HealthRow {
  readonly id: string;
  readonly failures: number;
  /** How long it has been failing, or null. */
  readonly failingMs: number | null;
  readonly quietMs: number | null;
  /** How old what is known of its space is. */
  readonly spaceAgeMs: number | null;
  /** What living gateways have set aside there. */
  readonly reserved: number;
}

export async function healthOf(sql: Sql, ids: readonly string[]): Promise<Map<string, HealthRow>> {
  const rows = await sql.query<HealthRow>(
    `select c.id, c.failures,
       extract(epoch from now() - c.failing_since)::double precision * 1000 as "failingMs",
       extract(epoch from now() - c.last_success_at)::double precision * 1000 as "quietMs",
       extract(epoch from now() - c.space_at)::double precision * 1000 as "spaceAgeMs",
       coalesce((select sum(s.granted) from space_slabs s join gateways g on g.id = s.gateway
         where s.connection = c.id and g.alive_until > now()), 0)::bigint as reserved
     from connections c where c.id = any($1)`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** What lies there of ours, or may yet: everything but what is known to be gone. Reads every row; asked only where a limit is set. */
export async function heldBytes(sql: Sql, connection: string): Promise<number> {
  const [row] = await sql.query<{ held: number }>(
    `select coalesce(sum(length), 0)::bigint as held from blobs where connection = $1 and state <> 'gone'`,
    [connection],
  );
  return row?.held ?? 0;
}
