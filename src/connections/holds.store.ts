import type { Sql } from '../database/index.js';

/** Why nothing is deleted: this database was restored, or a connection has seen newer files than it, or an admin wants it so. */
export type HoldReason = 'restored' | 'ahead' | 'asked';

export interface HoldRow {
  readonly id: string;
  readonly why: HoldReason;
  readonly began_at: Date;
  readonly backup_made_at: Date | null;
  /** Where the blob sequence stood then. */
  readonly sequence: number;
  /** Set once an admin has lifted it: from then on blobs are deleted again. */
  readonly ends_at: Date | null;
}

const COLUMNS = 'id, why, began_at, backup_made_at, sequence, ends_at';
const STANDS = '(ends_at is null or ends_at > now())';

export async function standingHold(sql: Sql): Promise<HoldRow | undefined> {
  const rows = await sql.query<HoldRow>(
    `select ${COLUMNS} from holds where ${STANDS} order by ends_at desc nulls first limit 1`,
  );
  return rows[0];
}

export interface NewHold {
  readonly id: string;
  readonly why: HoldReason;
  readonly by: string | null;
  readonly backup: string | null;
  readonly backupMadeAt: Date | null;
}

/** False where one stands already that nobody has lifted; one that is being lifted stands anew. */
export async function beginHold(sql: Sql, hold: NewHold): Promise<boolean> {
  const kept = await sql.execute(
    `update holds set ends_at = null, ended_by = null
     where id = (select id from holds where ${STANDS} order by ends_at desc nulls first limit 1) and ends_at is not null`,
  );
  if (kept > 0) return true;
  const made = await sql.execute(
    `insert into holds (id, why, began_by, backup, backup_made_at, sequence)
     select $1, $2, $3, $4, $5, case when is_called then last_value else 0 end from blob_sequence
     on conflict ((true)) where ends_at is null do nothing`,
    [hold.id, hold.why, hold.by, hold.backup, hold.backupMadeAt],
  );
  return made > 0;
}

/** For a database that was restored just now, whatever stood in it. */
export async function replaceHold(sql: Sql, hold: NewHold): Promise<void> {
  await sql.execute('delete from holds where ends_at is null');
  await beginHold(sql, hold);
}

/** Undefined where none stands that was not lifted before. */
export async function liftHold(sql: Sql, by: string, graceSeconds: number): Promise<HoldRow | undefined> {
  const rows = await sql.query<HoldRow>(
    `update holds set ends_at = now() + make_interval(secs => $2), ended_by = $1 where ends_at is null returning ${COLUMNS}`,
    [by, graceSeconds],
  );
  return rows[0];
}

/**
 * Takes the blob sequence beyond every marker that was seen, and far enough beyond for those that were not: no number is
 * given out twice, and a gateway that still runs on the lost database finds the markers ahead of it, and stops deleting.
 */
export async function jumpBlobSequence(sql: Sql, beyond: number): Promise<void> {
  await sql.query(
    `select setval('blob_sequence', greatest(
       (select case when is_called then last_value else 0 end from blob_sequence),
       (select coalesce(max(greatest(marked_sequence, seen_sequence)), 0) from connections)) + $1)`,
    [beyond],
  );
}

/**
 * Alarms that say nothing but that the database was older; it is not any more. Answers how many there were. What the lost
 * database has written on markers since, also on those that nobody has seen yet, is no reason for another.
 */
export async function clearAhead(sql: Sql, alarm: string): Promise<number> {
  await sql.execute('update connections set marking_sequence = null where marking_sequence is not null');
  return sql.execute(
    `update connections set alarm = case when alarm = $1 then null else alarm end, seen_sequence = null, updated_at = now()
     where seen_sequence is not null or alarm = $1`,
    [alarm],
  );
}

/** What a marker said that was ahead of this database. */
export async function noteSeenMarker(sql: Sql, connection: string, sequence: number): Promise<void> {
  await sql.execute('update connections set seen_sequence = greatest(seen_sequence, $2) where id = $1', [
    connection,
    sequence,
  ]);
}

export interface SeenMarker {
  readonly id: string;
  readonly provider: string;
  readonly house: boolean;
  /** What its marker said, where that was ahead of this database. */
  readonly seen: number | null;
}

export function seenMarkers(sql: Sql): Promise<SeenMarker[]> {
  return sql.query(
    `select id, provider, account is null as house, seen_sequence as seen from connections
     where removed_at is null order by id`,
  );
}
