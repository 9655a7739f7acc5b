import type { Sql } from '../database/index.js';
import { Immutable } from './errors.js';

/** Throws Immutable when the node is or lies in an immutable folder, or one lies in it: it stays where it is, with all that it was. */
export async function refuseImmutable(sql: Sql, account: string, node: string): Promise<void> {
  const rows = await sql.prepared<{ stays: boolean }>(
    'refuse-immutable',
    'select is_immutable($1::uuid, $2::uuid) or holds_immutable($1::uuid, $2::uuid) as stays',
    [account, node],
  );
  if (rows[0]?.stays) throw new Immutable();
}

export interface ImmutableRow {
  node: string;
  until: Date;
}

/** Undefined when the date lies before the one that is set, in the past, or too far away to be meant. */
export async function makeImmutable(
  sql: Sql,
  account: string,
  node: string,
  until: string,
  mostDays: number,
): Promise<ImmutableRow | undefined> {
  const rows = await sql.query<ImmutableRow>(
    `insert into immutable_folders as f (account, node, until)
     select $1, $2, $3::timestamptz where $3::timestamptz > now() and $3::timestamptz <= now() + make_interval(days => $4)
     on conflict (account, node) do update set until = excluded.until where f.until <= excluded.until
     returning node, until`,
    [account, node, until, mostDays],
  );
  return rows[0];
}

export function immutableFolders(sql: Sql, account: string): Promise<ImmutableRow[]> {
  return sql.query(
    `select node, until from immutable_folders where account = $1 and until > now() order by made_at, node`,
    [account],
  );
}
