import type { Sql } from '../database/index.js';

export interface OldVersion {
  account: string;
  id: string;
}

/** The database's clock, some seconds ago, as exact as it has it. */
export async function momentNow(sql: Sql, secondsAgo: number): Promise<string> {
  const rows = await sql.query<{ at: string }>(`select (now() - make_interval(secs => $1))::text as at`, [secondsAgo]);
  return rows[0]!.at;
}

/** Versions in whose place a newer one has stood for so many days. */
export function agedVersions(sql: Sql, days: number, most: number): Promise<OldVersion[]> {
  return sql.query(
    `select account, id from versions v where v.superseded_at < now() - make_interval(days => $1)
       and not is_immutable(v.account, v.file)
     order by v.superseded_at limit $2`,
    [days, most],
  );
}

/** Versions beyond the number that is kept, of files that were written since a moment. */
export function surplusVersions(sql: Sql, wanted: { kept: number; from: string; most: number }): Promise<OldVersion[]> {
  return sql.query(
    `with written as (
       select account, file from (
         select distinct account, file from versions where superseded_at >= $2::timestamptz) v
       where not is_immutable(v.account, v.file)
     ), ranked as (
       select v.account, v.id, row_number() over (partition by v.account, v.file order by v.number desc) as rank
       from written w join versions v on v.account = w.account and v.file = w.file
     )
     select account, id from ranked where rank > $1 limit $3`,
    [wanted.kept, wanted.from, wanted.most],
  );
}
