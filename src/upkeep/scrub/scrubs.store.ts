import type { Sql } from '../../database/index.js';

/**
 * What is read whole, beyond what a listing has proved. `due`: what a day's share of the period asks for, and all that is
 * overdue. `sample`: the day's share. `needed`: everything that the listing has not proved. `all`: everything.
 */
export type Reads = 'due' | 'sample' | 'needed' | 'all';
export type Step = 'listing' | 'unlisted' | 'reading' | 'strays' | 'ended';
/** What was found of a place: `unmarked` has lost its marker, `empty` its whole folder. */
export type PlaceFound = 'whole' | 'unmarked' | 'empty';

export interface ScrubRow {
  readonly connection: string;
  /** Another one each time it begins anew. */
  readonly run: string;
  /** Somebody wants it now; otherwise it is the daily one. */
  readonly asked: boolean;
  /** Somebody who may says that all that lay there is lost. */
  readonly saidLost: boolean;
  readonly reads: Reads;
  readonly step: Step;
  readonly place: PlaceFound | null;
  readonly cursor: string | null;
  readonly stumbles: number;
  /** The listing could not be had, or not be believed: nothing is concluded from it. */
  readonly unlistable: boolean;
  readonly beganAt: Date;
  readonly listingBeganAt: Date;
  /** For how long the marker has been gone, as far as this run knows. */
  readonly unmarkedSeconds: number | null;
  readonly endedAt: Date | null;
  readonly nextAt: Date;
  readonly known: number;
  /** Of the listing so far, whatever they were; an empty page counts as one. */
  readonly entries: number;
  readonly listed: number;
  readonly unknown: number;
  readonly toRead: number;
  readonly read: number;
  readonly bytes: number;
  readonly missing: number;
  readonly damaged: number;
  readonly healed: number;
  readonly swept: number;
}

const COLUMNS = `connection, run, asked, said_lost as "saidLost", reads, step, place, cursor, stumbles, unlistable,
  began_at as "beganAt", listing_began_at as "listingBeganAt",
  extract(epoch from now() - unmarked_at)::double precision as "unmarkedSeconds", ended_at as "endedAt",
  next_at as "nextAt", known, entries, listed, unknown, to_read as "toRead", read, bytes, missing, damaged, healed, swept`;

export async function scrubOf(sql: Sql, connection: string, lock = false): Promise<ScrubRow | undefined> {
  const rows = await sql.query<ScrubRow>(
    `select ${COLUMNS} from scrubs where connection = $1 ${lock ? 'for update' : ''}`,
    [connection],
  );
  return rows[0];
}

export interface NewScrub {
  readonly connection: string;
  readonly run: string;
  readonly asked: boolean;
  readonly saidLost: boolean;
  readonly reads: Reads;
  readonly everyHours: number;
}

/** Begins a connection's scrub from the first page, whatever was under way. */
export async function beginScrub(sql: Sql, scrub: NewScrub): Promise<void> {
  await sql.execute(`delete from scrubs where connection = $1`, [scrub.connection]);
  await sql.execute(
    `insert into scrubs (connection, run, asked, said_lost, reads, next_at)
     values ($1, $2, $3, $4, $5, now() + make_interval(hours => $6))`,
    [scrub.connection, scrub.run, scrub.asked, scrub.saidLost, scrub.reads, scrub.everyHours],
  );
}

/** A day after it was connected, then whenever its time has come; one that nobody has touched for a day is begun anew. */
export function dueScrubs(sql: Sql, everyHours: number): Promise<{ id: string; account: string | null }[]> {
  return sql.query(
    `select k.id, k.account from connections k left join scrubs s on s.connection = k.id
     where k.removed_at is null and k.given_up_at is null and k.enabled and k.alarm is null and k.needs_reconnect_at is null
       and (s.connection is null and k.created_at < now() - make_interval(hours => $1)
         or s.next_at <= now() and (s.ended_at is not null or s.touched_at < now() - interval '1 day'))
     order by k.id`,
    [everyHours],
  );
}

export interface ScrubChange {
  readonly step?: Exclude<Step, 'ended'>;
  readonly place?: PlaceFound | null;
  readonly cursor?: string | null;
  readonly stumbles?: number;
  readonly unlistable?: boolean;
  readonly known?: number;
  readonly to_read?: number;
  /** The next one is wanted as soon as an hour has passed. */
  readonly soon?: boolean;
  readonly add?: Partial<Record<Counted, number>>;
}

export type Counted = 'entries' | 'listed' | 'unknown' | 'read' | 'bytes' | 'missing' | 'damaged' | 'healed' | 'swept';

const SETTABLE = ['step', 'place', 'cursor', 'stumbles', 'unlistable', 'known', 'to_read', 'soon'] as const;
const COUNTED: readonly Counted[] = [
  'entries',
  'listed',
  'unknown',
  'read',
  'bytes',
  'missing',
  'damaged',
  'healed',
  'swept',
];

type RunOfScrub = Pick<ScrubRow, 'connection' | 'run'>;

/** False where the run has been begun anew meanwhile: then nothing of this one counts any more. */
export async function noteScrub(sql: Sql, { connection, run }: RunOfScrub, change: ScrubChange): Promise<boolean> {
  const values: unknown[] = [connection, run];
  const sets = ['touched_at = now()'];
  for (const column of SETTABLE) {
    if (change[column] !== undefined) sets.push(`${column} = $${values.push(change[column])}`);
  }
  for (const column of COUNTED) {
    if (change.add?.[column]) sets.push(`${column} = ${column} + $${values.push(change.add[column])}`);
  }
  const text = `update scrubs set ${sets.join(', ')} where connection = $1 and run = $2 and ended_at is null`;
  return (await sql.execute(text, values)) > 0;
}

/** The listing is begun anew, from its first page. */
export async function beginListing(sql: Sql, { connection, run }: RunOfScrub, place: PlaceFound): Promise<boolean> {
  const touched = await sql.execute(
    `update scrubs set touched_at = now(), step = $4, place = $3, cursor = null, listing_began_at = now(), entries = 0, listed = 0,
       unknown = 0
     where connection = $1 and run = $2 and ended_at is null`,
    [connection, run, place, place === 'empty' ? 'unlisted' : 'listing'],
  );
  return touched > 0;
}

export async function noteUnmarked(sql: Sql, { connection, run }: RunOfScrub): Promise<void> {
  await sql.execute('update scrubs set unmarked_at = coalesce(unmarked_at, now()) where connection = $1 and run = $2', [
    connection,
    run,
  ]);
}

/** It was there after all: when it is gone again, that is another matter. */
export async function noteMarked(sql: Sql, { connection, run }: RunOfScrub): Promise<void> {
  await sql.execute('update scrubs set unmarked_at = null where connection = $1 and run = $2', [connection, run]);
}

/** What was seen once is looked for again soon after this long; otherwise the next one comes when it would have. */
export async function endScrub(sql: Sql, { connection, run }: RunOfScrub, soonSeconds: number): Promise<boolean> {
  const touched = await sql.execute(
    `update scrubs set step = 'ended', ended_at = now(), cursor = null,
       next_at = case when soon then least(next_at, now() + make_interval(secs => $3)) else next_at end
     where connection = $1 and run = $2 and ended_at is null`,
    [connection, run, soonSeconds],
  );
  return touched > 0;
}

/** Whether anything on the connection is known to be missing or damaged. */
export async function hasFaults(sql: Sql, connection: string): Promise<boolean> {
  const rows = await sql.query<{ found: boolean }>(
    `select exists (select 1 from blobs where connection = $1 and state = 'live' and fault is not null) as found`,
    [connection],
  );
  return rows[0]!.found;
}
