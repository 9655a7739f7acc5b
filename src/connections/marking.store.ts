import type { Sql } from '../database/index.js';

export interface Marked {
  readonly sequence: number;
  readonly epoch: number;
  readonly on: string | null;
}

/** A domain that was found by itself goes with what the place is found on: disks are numbered anew when a machine starts. */
export async function noteMarked(sql: Sql, connection: string, { sequence, epoch, on }: Marked): Promise<void> {
  await sql.execute(
    `update connections set marked_sequence = greatest(marked_sequence, $2), marked_epoch = $3,
       marked_at = coalesce(marked_at, now()), marked_on = coalesce($4, marked_on),
       marking_sequence = case when marked_at is null then $2 else marking_sequence end,
       domain = case when domain = marked_on then coalesce($4, domain) else domain end
     where id = $1`,
    [connection, sequence, epoch, on],
  );
}

/** What a marker is about to say: noted before it is written, so that none of this database's is ever ahead of it. */
export async function noteMarking(sql: Sql, connection: string, sequence: number): Promise<void> {
  await sql.execute(
    'update connections set marking_sequence = greatest(marking_sequence, marked_sequence, $2) where id = $1',
    [connection, sequence],
  );
}

/** The most that a marker of this database can say there. */
export async function utmostMarking(sql: Sql, connection: string): Promise<number> {
  const rows = await sql.query<{ utmost: number | null }>(
    'select marking_sequence as utmost from connections where id = $1',
    [connection],
  );
  return rows[0]?.utmost ?? (await blobSequence(sql));
}

/** Where the blob sequence of this database stands: no marker of ours can honestly be ahead of it. */
export async function blobSequence(sql: Sql): Promise<number> {
  const rows = await sql.query<{ last: number }>(
    'select case when is_called then last_value else 0 end as last from blob_sequence',
  );
  return rows[0]?.last ?? 0;
}

export async function hasBlobs(sql: Sql, connection: string): Promise<boolean> {
  const rows = await sql.query<{ found: boolean }>(
    `select exists (select 1 from blobs where connection = $1 and state in ('intended', 'live')) as found`,
    [connection],
  );
  return rows[0]?.found ?? false;
}
