import type { Sql } from '../database/index.js';
import type { BlobFault } from './faults.store.js';
import { GIVEN, inLockOrder } from './lock-order.store.js';

export interface BlobKey {
  readonly account: string;
  readonly blob: string;
}

/** A blob that has a row, as somebody who looks through its place wants it. */
export interface KnownBlob extends BlobKey {
  readonly name: string;
  readonly state: 'intended' | 'live' | 'condemned' | 'gone';
  readonly length: number;
  readonly checksum: string | null;
  readonly fault: BlobFault | null;
  /** Already missed in a listing that began long enough before the one that is asked about. */
  readonly missed: boolean;
  /** Where it stands in the order in which blobs are proved. */
  readonly place: string;
}

/** What of a blob belongs to a shard, and its digest. */
export interface ShardOfBlob {
  readonly offset: number;
  readonly length: number;
  readonly digest: Buffer;
}

const KNOWN = `b.account, b.id as blob, b.name, b.state, b.length, b.checksum, b.fault,
  b.proved_at::text || '|' || b.id as place`;

/** Those of the names that have a row there, whatever has become of it. */
export function blobsNamed(sql: Sql, connection: string, names: readonly string[]): Promise<KnownBlob[]> {
  return sql.query(`select ${KNOWN}, false as missed from blobs b where b.connection = $1 and b.name = any($2)`, [
    connection,
    names,
  ]);
}

export async function countLive(sql: Sql, connection: string): Promise<number> {
  const rows = await sql.query<{ live: number }>(
    `select count(*) as live from blobs where connection = $1 and state = 'live'`,
    [connection],
  );
  return rows[0]!.live;
}

/** For who changes some of them in one way and some in another, in one transaction. */
export async function lockBlobs(sql: Sql, blobs: readonly BlobKey[]): Promise<void> {
  await sql.query(`with held as (${inLockOrder(GIVEN)}) select count(*) from held`, keys(blobs));
}

export async function noteListed(sql: Sql, blobs: readonly BlobKey[]): Promise<void> {
  await sql.execute(
    `with seen as (${inLockOrder(GIVEN)})
     update blobs b set listed_at = now(), unlisted_at = null from seen where b.account = seen.account and b.id = seen.id`,
    keys(blobs),
  );
}

/** The first listing that misses a blob keeps its date. */
export async function noteUnlisted(sql: Sql, blobs: readonly BlobKey[]): Promise<void> {
  await sql.execute(
    `with missed as (${inLockOrder(`${GIVEN} where b.state = 'live'`)})
     update blobs b set unlisted_at = coalesce(unlisted_at, now())
     from missed where b.account = missed.account and b.id = missed.id`,
    keys(blobs),
  );
}

/**
 * Notes that a live blob was found whole: it loses its fault. One whose bytes were found to be others loses it by their
 * being read alone, not by what its provider says of them. Answers how many were healed.
 */
export async function noteProved(sql: Sql, blobs: readonly BlobKey[], by: 'listing' | 'reading'): Promise<number> {
  const rows = await sql.query<{ healed: boolean }>(
    `with seen as (
       select b.account, b.id, b.fault is not null as healed from blobs b
       join unnest($1::uuid[], $2::uuid[]) as f(account, id) on b.account = f.account and b.id = f.id
       where b.state = 'live' and ($3 or b.fault is distinct from 'damaged')
       order by b.account, b.id for no key update of b
     )
     update blobs b set proved_at = now(), fault = null, fault_at = null, unlisted_at = null
     from seen where b.account = seen.account and b.id = seen.id returning seen.healed`,
    [...keys(blobs), by === 'reading'],
  );
  return rows.filter(({ healed }) => healed).length;
}

/** Live blobs that a listing which began then has not shown, in the order of their proofs. */
export function unlistedBlobs(
  sql: Sql,
  connection: string,
  listing: { began: Date; apartSeconds: number },
  page: { after: string | null; most: number },
): Promise<KnownBlob[]> {
  return sql.query(
    `select ${KNOWN}, coalesce(b.unlisted_at < $2::timestamptz - make_interval(secs => $3), false) as missed
     from blobs b
     where b.connection = $1 and b.state = 'live' and (b.listed_at is null or b.listed_at < $2) and ${AFTER(4)}
     order by b.proved_at, b.id limit $6`,
    [connection, listing.began, listing.apartSeconds, ...position(page.after), page.most],
  );
}

export interface Unproved {
  readonly connection: string;
  /** What was proved later needs no look now. */
  readonly before: Date;
  /** When the listing began: of what is known to be missing, only what it has shown is worth a look. */
  readonly listing: Date;
  /** Those that were found damaged before are looked at, too. */
  readonly damaged: boolean;
  /** Only what was proved longer ago than this; null for all. */
  readonly olderThanDays: number | null;
}

const UNPROVED = `b.connection = $1 and b.state = 'live' and b.proved_at < $2
  and (b.fault is null or (b.listed_at >= $3 and (b.fault = 'missing' or $4)))
  and ($5::double precision is null or b.proved_at < now() - make_interval(secs => $5 * 86400))`;

const unproved = (which: Unproved): unknown[] => [
  which.connection,
  which.before,
  which.listing,
  which.damaged,
  which.olderThanDays,
];

export async function countUnproved(sql: Sql, which: Unproved): Promise<number> {
  const rows = await sql.query<{ left: number }>(`select count(*) as left from blobs b where ${UNPROVED}`, [
    ...unproved(which),
  ]);
  return rows[0]!.left;
}

/** Blobs to be read (one in which no shard lies by its own digest, where it has one), those whose last proof is the oldest first; each with its shards. */
export async function unprovedBlobs(
  sql: Sql,
  which: Unproved,
  page: { after: string | null; most: number },
): Promise<(KnownBlob & { shards: ShardOfBlob[] })[]> {
  const rows = await sql.query<
    KnownBlob & { at: number | null; shard_length: number; digest: Buffer; own: Buffer | null }
  >(
    `with part as (
       select ${KNOWN}, false as missed, b.proved_at, b.digest as own from blobs b where ${UNPROVED} and ${AFTER(6)}
       order by b.proved_at, b.id limit $8
     )
     select part.*, coalesce(s."offset", case when own is not null then 0 end) as at,
       coalesce(s.length, part.length) as shard_length, coalesce(s.digest, own) as digest from part
     left join shards s on s.account = part.account and s.blob = part.blob
     order by part.proved_at, part.blob, s."offset"`,
    [...unproved(which), ...position(page.after), page.most],
  );
  const found = new Map<string, KnownBlob & { shards: ShardOfBlob[] }>();
  for (const { at, shard_length: length, digest, own: _, ...blob } of rows) {
    const known = found.get(blob.blob) ?? { ...blob, shards: [] };
    if (at !== null) known.shards.push({ offset: at, length, digest });
    found.set(blob.blob, known);
  }
  return [...found.values()];
}

/** The shards of some blobs, by blob; of one that has a digest of its own, the whole of it. */
export async function shardsOf(sql: Sql, blobs: readonly BlobKey[]): Promise<Map<string, ShardOfBlob[]>> {
  const rows = await sql.query<ShardOfBlob & { blob: string }>(
    `select s.blob, s."offset", s.length, s.digest from shards s
     join unnest($1::uuid[], $2::uuid[]) as b(account, id) on s.account = b.account and s.blob = b.id
     union all
     select o.id, 0, o.length, o.digest from blobs o
     join unnest($1::uuid[], $2::uuid[]) as b(account, id) on o.account = b.account and o.id = b.id
     where o.digest is not null
     order by blob, "offset"`,
    keys(blobs),
  );
  const found = new Map<string, ShardOfBlob[]>();
  for (const { blob, ...shard } of rows) found.set(blob, [...(found.get(blob) ?? []), shard]);
  return found;
}

const AFTER = (at: number): string =>
  `($${at}::timestamptz is null or (b.proved_at >= $${at} and (b.proved_at, b.id) > ($${at}, $${at + 1}::uuid)))`;

/** A place in the order, as texts: a Date would lose the microseconds. */
function position(after: string | null): [string | null, string | null] {
  if (after === null) return [null, null];
  const [at = null, id = null] = after.split('|');
  return [at, id];
}

function keys(blobs: readonly BlobKey[]): [string[], string[]] {
  return [blobs.map(({ account }) => account), blobs.map(({ blob }) => blob)];
}
