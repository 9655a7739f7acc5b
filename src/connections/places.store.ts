import type { Sql } from '../database/index.js';

/** A connection as the place of shards, for people. */
export interface NamedPlace {
  readonly id: string;
  readonly label: string;
  readonly domain: string;
  readonly priority: number;
  readonly free: number | null;
  readonly failing: boolean;
  readonly given_up: boolean;
  readonly removed: boolean;
}

/** Also those that were removed. */
export async function namedPlaces(sql: Sql, ids: readonly string[]): Promise<Map<string, NamedPlace>> {
  const rows = await sql.query<NamedPlace>(
    `select id, label, domain, priority, space_free as free, failing_since is not null or needs_reconnect_at is not null as failing,
       given_up_at is not null as given_up, removed_at is not null as removed
     from connections where id = any($1::uuid[])`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}
