import { HOUSE, inLockOrder } from '../contents/index.js';
import type { Sql } from '../database/index.js';

export interface KeepingConnection {
  readonly id: string;
  readonly provider: string;
  readonly label: string;
  readonly alarm: string | null;
  readonly needs_reconnect_at: Date | null;
  /** What the newest whole copy there shows. */
  readonly newest_made_at: Date | null;
  /** What its job failed at last. */
  readonly error: string | null;
}

const KEPT = `k.proved_at is not null and k.condemned_at is null and k.ended_at is null`;
const NEWEST_THERE = `(select max(b.made_at) from backup_copies k join backups b on b.id = k.backup
  where k.connection = c.id and ${KEPT})`;
const KEEPS = `c.keeps_backups and c.account is null and c.enabled and c.removed_at is null and c.drain_since is null
  and c.given_up_at is null`;

/** Connections that new backups go to. */
export function keepingConnections(sql: Sql, id: string | null = null): Promise<KeepingConnection[]> {
  return sql.query(
    `select c.id, c.provider, c.label, c.alarm, c.needs_reconnect_at, ${NEWEST_THERE} as newest_made_at,
       (select j.error from jobs j where j.kind = 'backup-copy' and j.ids->>'connection' = c.id::text
          and j.ended_at is null) as error
     from connections c where ${KEEPS} and ($1::uuid is null or c.id = $1) order by c.created_at, c.id`,
    [id],
  );
}

export interface BackupToCopy {
  readonly id: string;
  readonly file: string;
  readonly bytes: number;
  readonly made_at: Date;
}

/** Backups that are newer than what lies on the connection, the newest first. */
export function backupsToCopy(sql: Sql, connection: string, most: number): Promise<BackupToCopy[]> {
  return sql.query(
    `select id, file, bytes, made_at from backups
     where expired_at is null and made_at > coalesce((select ${NEWEST_THERE} from connections c where c.id = $1), '-infinity')
     order by made_at desc limit $2`,
    [connection, most],
  );
}

/** Those of the connections on which the newest backup does not lie. */
export async function connectionsBehind(sql: Sql): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `select c.id from connections c where ${KEEPS} and exists (
       select 1 from backups b where b.expired_at is null and b.made_at > coalesce(${NEWEST_THERE}, '-infinity'))`,
  );
  return rows.map(({ id }) => id);
}

export interface PieceRow {
  readonly part: number;
  readonly blob: string;
  readonly name: string;
  readonly length: number;
  readonly live: boolean;
  /** SHA-256 of what was put, once it was. */
  readonly digest: Buffer | null;
}

export interface BegunCopy {
  readonly id: string;
  readonly backup: string;
}

/** The copy that is being made there, or that was when whoever made it stopped. */
export async function begunCopy(sql: Sql, connection: string): Promise<BegunCopy | undefined> {
  const rows = await sql.query<BegunCopy>(
    `select id, backup from backup_copies
     where connection = $1 and proved_at is null and condemned_at is null and ended_at is null`,
    [connection],
  );
  return rows[0];
}

export function piecesOf(sql: Sql, copy: string): Promise<PieceRow[]> {
  return sql.query(
    `select p.part, p.blob, b.name, b.length, b.state = 'live' as live, p.digest
     from backup_pieces p join blobs b on b.account = $2 and b.id = p.blob where p.copy = $1 order by p.part`,
    [copy, HOUSE],
  );
}

export async function beginCopy(sql: Sql, copy: BegunCopy & { readonly connection: string }): Promise<void> {
  await sql.execute('insert into backup_copies (id, backup, connection) values ($1, $2, $3)', [
    copy.id,
    copy.backup,
    copy.connection,
  ]);
}

export type NewPiece = Pick<PieceRow, 'part' | 'blob' | 'name' | 'length'>;

/** The rows of blobs that are to be put. What had their place in the copy before is condemned. */
export async function addPieces(
  sql: Sql,
  { copy, connection }: { readonly copy: string; readonly connection: string },
  pieces: readonly NewPiece[],
): Promise<void> {
  const columns = [
    pieces.map(({ part }) => part),
    pieces.map(({ blob }) => blob),
    pieces.map(({ name }) => name),
    pieces.map(({ length }) => length),
  ];
  await sql.execute(
    `with replaced as (
       ${inLockOrder(`blobs b where b.account = $3 and b.state in ('intended', 'live')
         and b.id in (select blob from backup_pieces where copy = $1 and part = any ($2::int[]))`)}
     )
     update blobs b set state = 'condemned', condemned_at = now() from replaced r where b.account = $3 and b.id = r.id`,
    [copy, columns[0], HOUSE],
  );
  await sql.execute(
    `insert into blobs (account, id, connection, name, length, state)
     select $1, n.id, $2, n.name, n.length, 'intended'
     from unnest($3::uuid[], $4::text[], $5::bigint[]) as n(id, name, length)`,
    [HOUSE, connection, ...columns.slice(1)],
  );
  await sql.execute(
    `insert into backup_pieces (copy, part, blob) select $1, n.part, n.blob from unnest($2::int[], $3::uuid[]) as n(part, blob)
     on conflict (copy, part) do update set blob = excluded.blob, digest = null`,
    [copy, columns[0], columns[1]],
  );
}

export interface PutPiece {
  readonly copy: string;
  readonly part: number;
  readonly blob: string;
  readonly checksum: string | null;
  /** SHA-256, as the head says it. */
  readonly digest: Buffer;
  /** BLAKE3, as scrub compares it. */
  readonly proof: Buffer;
}

/** Notes that a piece lies there, proved. False where the copy was given up meanwhile. */
export async function notePut(sql: Sql, put: PutPiece): Promise<boolean> {
  const live = await sql.execute(
    `update blobs set state = 'live', checksum = $3, digest = $4, proved_at = now()
     where account = $1 and id = $2 and state = 'intended'`,
    [HOUSE, put.blob, put.checksum, put.proof],
  );
  await sql.execute('update backup_pieces set digest = $3 where copy = $1 and part = $2', [
    put.copy,
    put.part,
    put.digest,
  ]);
  return live > 0;
}

/** False where it was given up meanwhile. */
export async function endCopy(sql: Sql, copy: string): Promise<boolean> {
  const text = `update backup_copies set proved_at = now() where id = $1 and proved_at is null and condemned_at is null
    and ended_at is null`;
  return (await sql.execute(text, [copy])) > 0;
}

/** From the commit on they do not count, and their blobs are deleted. */
export async function condemnCopies(sql: Sql, copies: readonly string[]): Promise<void> {
  await sql.execute('update backup_copies set condemned_at = now() where id = any ($1::uuid[])', [copies]);
  await sql.execute(
    `with given_up as (
       ${inLockOrder(`blobs b where b.account = $2 and b.state in ('intended', 'live')
         and b.id in (select blob from backup_pieces where copy = any ($1::uuid[]))`)}
     )
     update blobs b set state = 'condemned', condemned_at = now() from given_up g where b.account = $2 and b.id = g.id`,
    [copies, HOUSE],
  );
}

/**
 * Copies that are to go: what is older by so many days than the newest there, or than the newest anywhere where none comes
 * any more; what was begun there and never will be ended; what a scrub found broken; all, where everything is moved off.
 */
export async function copiesToCondemn(sql: Sql, days: number): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `select k.id from backup_copies k join backups b on b.id = k.backup join connections c on c.id = k.connection
     where k.condemned_at is null and k.ended_at is null and c.removed_at is null and (
       c.drain_since is not null
       or k.proved_at is null and not c.keeps_backups
       or k.proved_at is not null and exists (
         select 1 from backup_pieces p join blobs x on x.account = $2 and x.id = p.blob
         where p.copy = k.id and x.state = 'live' and x.fault is not null)
       or k.proved_at is not null and b.made_at <= make_interval(days => -$1::integer) + case when c.keeps_backups
         then ${NEWEST_THERE} else (select max(made_at) from backups where expired_at is null) end)
     for update of k`,
    [days, HOUSE],
  );
  return rows.map(({ id }) => id);
}

/** Writes down which are gone for good, and which nobody can delete any more since their connection was removed. */
export async function noteEndedCopies(sql: Sql): Promise<void> {
  await sql.execute(
    `update backup_copies k set ended_at = now(), left_there = c.removed_at is not null
     from connections c where c.id = k.connection and k.ended_at is null and (c.removed_at is not null
       or k.condemned_at is not null and not exists (
         select 1 from backup_pieces p join blobs x on x.account = $1 and x.id = p.blob
         where p.copy = k.id and x.state <> 'gone'))`,
    [HOUSE],
  );
}

export interface CopyRow {
  readonly backup: string;
  readonly connection: string;
  readonly label: string;
  readonly state: 'begun' | 'kept' | 'leaving' | 'deleted' | 'left';
  readonly proved_at: Date | null;
  readonly ended_at: Date | null;
}

export function copiesOf(sql: Sql, backups: readonly string[]): Promise<CopyRow[]> {
  return sql.query(
    `select k.backup, k.connection, c.label, k.proved_at, k.ended_at, case
         when k.left_there then 'left' when k.ended_at is not null then 'deleted'
         when k.condemned_at is not null then 'leaving' when k.proved_at is null then 'begun' else 'kept' end as state
     from backup_copies k join connections c on c.id = k.connection
     where k.backup = any ($1::uuid[])
     order by k.begun_at, k.id`,
    [backups],
  );
}
