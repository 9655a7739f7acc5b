import type { Sql } from '../database/index.js';

export async function secondsSinceRemoval(sql: Sql, connection: string): Promise<number> {
  const rows = await sql.query<{ age: number }>(
    'select extract(epoch from now() - removed_at)::float8 as age from connections where id = $1',
    [connection],
  );
  return rows[0]?.age ?? Infinity;
}

export interface PurgeRow {
  began_by: string;
  /** Since when it may end without what cannot be reached. */
  settled_at: Date | null;
  /** How many there were to be deleted. */
  blobs: number;
  ended_at: Date | null;
}

export async function beginPurge(sql: Sql, account: string, by: string, places: readonly string[]): Promise<void> {
  await sql.execute('insert into purges (account, began_by) values ($1, $2)', [account, by]);
  await sql.execute('insert into purge_places (account, connection) select $1, unnest($2::uuid[])', [account, places]);
}

export async function purgeOf(sql: Sql, account: string): Promise<PurgeRow | undefined> {
  const rows = await sql.query<PurgeRow>(
    'select began_by, settled_at, blobs, ended_at from purges where account = $1',
    [account],
  );
  return rows[0];
}

export async function settlePurge(sql: Sql, account: string): Promise<void> {
  await sql.execute('update purges set settled_at = coalesce(settled_at, now()) where account = $1', [account]);
}

export async function noteBlobs(sql: Sql, account: string, blobs: number): Promise<number> {
  const rows = await sql.query<{ blobs: number }>(
    'update purges set blobs = greatest(blobs, $2) where account = $1 returning blobs',
    [account, blobs],
  );
  return rows[0]?.blobs ?? blobs;
}

export async function endPurge(sql: Sql, account: string): Promise<void> {
  await sql.execute('update purges set ended_at = now() where account = $1', [account]);
}

export interface PlaceRow {
  connection: string;
  provider: string;
  emptied_at: Date | null;
  /** What the vendor answered, once it was asked. */
  consent: string | null;
  unreached: boolean;
  forgotten_at: Date | null;
}

export function placesOf(sql: Sql, account: string): Promise<PlaceRow[]> {
  return sql.query(
    `select p.connection, c.provider, p.emptied_at, p.consent, p.unreached, p.forgotten_at
     from purge_places p join connections c on c.id = p.connection where p.account = $1 order by p.connection`,
    [account],
  );
}

/** A connection that came to be while the purge began: made by a request that was on its way. */
export async function addPlaces(sql: Sql, account: string, connections: readonly string[]): Promise<void> {
  await sql.execute(
    `insert into purge_places (account, connection) select $1, unnest($2::uuid[]) on conflict do nothing`,
    [account, connections],
  );
}

export async function noteEmptied(sql: Sql, account: string, connection: string): Promise<void> {
  await sql.execute('update purge_places set emptied_at = now() where account = $1 and connection = $2', [
    account,
    connection,
  ]);
}

export async function noteConsent(sql: Sql, account: string, connection: string, consent: string): Promise<void> {
  await sql.execute('update purge_places set consent = $3 where account = $1 and connection = $2', [
    account,
    connection,
    consent,
  ]);
}

export async function noteForgotten(sql: Sql, account: string, connection: string, unreached: boolean): Promise<void> {
  await sql.execute(
    'update purge_places set forgotten_at = now(), unreached = $3 where account = $1 and connection = $2',
    [account, connection, unreached],
  );
}
