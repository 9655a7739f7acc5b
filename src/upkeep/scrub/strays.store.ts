import type { Sql } from '../../database/index.js';

/** As many as are kept in mind of one place; the others are met again when these are gone. */
const MOST = 100_000;

/** Notes names that lie in our folder without a row, with the time of the first look. */
export async function noteStrays(sql: Sql, connection: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  await sql.execute(
    `insert into strays (connection, name)
     select $1, n.name from unnest($2::text[]) as n(name)
     where (select count(*) from strays where connection = $1) < ${MOST}
       or exists (select 1 from strays s where s.connection = $1 and s.name = n.name)
     on conflict (connection, name) do update set seen_at = now()`,
    [connection, names],
  );
}

/** Forgets what a whole listing that began then has not shown any more. */
export async function forgetStrays(sql: Sql, connection: string, began: Date): Promise<void> {
  await sql.execute(`delete from strays where connection = $1 and seen_at < $2`, [connection, began]);
}

/**
 * Names that this listing has shown, and one that ended at least so long before it began, and that no row knows: neither a
 * blob's nor a tombstone's, asked in this very statement.
 */
export async function sweepable(
  sql: Sql,
  connection: string,
  listing: { began: Date; apartSeconds: number },
  page: { after: string; most: number },
): Promise<string[]> {
  const rows = await sql.query<{ name: string }>(
    `select s.name from strays s
     where s.connection = $1 and s.seen_at >= $2 and s.first_seen_at < $2::timestamptz - make_interval(secs => $3)
       and s.name > $4 and not exists (select 1 from blobs b where b.connection = $1 and b.name = s.name)
     order by s.name limit $5`,
    [connection, listing.began, listing.apartSeconds, page.after, page.most],
  );
  return rows.map(({ name }) => name);
}

export async function forgetSwept(sql: Sql, connection: string, names: readonly string[]): Promise<void> {
  await sql.execute(`delete from strays where connection = $1 and name = any($2)`, [connection, names]);
}

/** Whether there are names that another listing has to show before anything is done. */
export async function hasStrays(sql: Sql, connection: string): Promise<boolean> {
  const rows = await sql.query<{ found: boolean }>(
    'select exists (select 1 from strays where connection = $1) as found',
    [connection],
  );
  return rows[0]!.found;
}
