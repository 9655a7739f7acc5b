import type { Sql } from '../database/index.js';

export interface GivenUp {
  readonly id: string;
  /** Null for the house's. */
  readonly account: string | null;
}

/** By hand, or not any more at all. */
export async function setGivenUp(sql: Sql, id: string, by: string | null): Promise<void> {
  await sql.execute(
    `update connections set given_up_by = $2, updated_at = now(),
       given_up_at = case when $2::uuid is not null then coalesce(given_up_at, now()) end where id = $1`,
    [id, by],
  );
}

/** Whoever was off for days has asked nobody meanwhile, and may have started before its network did. */
const ASKED = `exists (select 1 from gateways where alive_until > now() and started_at < now() - interval '1 hour')`;

/**
 * Those that nothing was heard of for so many days, however often they were asked, and by a gateway that has been there for
 * a while. One that is switched off is not asked.
 */
export function giveUpUnreachable(sql: Sql, days: number): Promise<GivenUp[]> {
  return sql.query(
    `update connections set given_up_at = now(), updated_at = now()
     where removed_at is null and given_up_at is null and enabled and failures > 0
       and failing_since < now() - make_interval(days => $1) and ${ASKED} returning id, account`,
    [days],
  );
}

/** Those that answer again, unless somebody gave them up by hand. */
export function countAgain(sql: Sql): Promise<GivenUp[]> {
  return sql.query(
    `update connections set given_up_at = null, updated_at = now()
     where removed_at is null and given_up_at is not null and given_up_by is null and failing_since is null
       and last_success_at > given_up_at returning id, account`,
  );
}
