import { eraseUnheld } from '../contents/index.js';
import type { Sql } from '../database/index.js';

/** Marks what was put into the trash by itself for erasing; the caller holds the structure. False when it is not there. */
export async function askToErase(sql: Sql, account: string, id: string): Promise<boolean> {
  const asked = await sql.execute(
    `insert into erasures (account, node)
     select account, id from nodes where account = $1 and id = $2 and trashed_at is not null on conflict do nothing`,
    [account, id],
  );
  return asked > 0;
}

/** Marks the oldest of the trash, as far as it has lain there for so many days. The caller holds the structure. */
export function askToEraseOldest(sql: Sql, account: string, days: number, most: number): Promise<number> {
  return sql.execute(
    `insert into erasures (account, node)
     select n.account, n.id from nodes n
     where n.account = $1 and n.trashed_at <= now() - make_interval(days => $2)
       and not exists (select 1 from erasures e where e.account = n.account and e.node = n.id)
     order by n.trashed_at limit $3
     on conflict do nothing`,
    [account, days, most],
  );
}

export function accountsWithOldTrash(sql: Sql, days: number, most: number): Promise<{ account: string }[]> {
  return sql.query(
    `select distinct account from nodes n where n.trashed_at <= now() - make_interval(days => $1)
       and not exists (select 1 from erasures e where e.account = n.account and e.node = n.id) limit $2`,
    [days, most],
  );
}

export async function isBeingErased(sql: Sql, account: string, node: string): Promise<boolean> {
  return (await sql.query('select 1 from erasures where account = $1 and node = $2', [account, node])).length > 0;
}

export interface Erasure {
  account: string;
  node: string;
  kind: 'folder' | 'file';
}

/** What waits to be erased, the oldest wish first; of one account, or of all. */
export function erasuresAsked(sql: Sql, account: string | null, most: number): Promise<Erasure[]> {
  return sql.query(
    `select e.account, e.node, n.kind from erasures e join nodes n on n.account = e.account and n.id = e.node
     where $1::uuid is null or e.account = $1 order by e.asked_at limit $2`,
    [account, most],
  );
}

/**
 * What was put into the trash by itself before its folder was has a life of its own there. It hangs on the top folder from
 * now on, which is where it shows up in no listing; a restore goes by its path.
 */
export function setFreeTrashIn(sql: Sql, account: string, folder: string, most: number): Promise<number> {
  return sql.execute(
    `update nodes set parent = $1 where account = $1 and id in (
       select id from nodes where account = $1 and parent = $2 and trashed_at is not null limit $3)`,
    [account, folder, most],
  );
}

/** Old versions of files in a folder, or of one file; a few at a time. */
export async function oldVersionsIn(
  sql: Sql,
  account: string,
  place: { folder: string } | { file: string },
  most: number,
): Promise<string[]> {
  const inFolder = 'folder' in place;
  const rows = await sql.query<{ id: string }>(
    `select v.id from nodes n join versions v on v.account = $1 and v.file = n.id
     where n.account = $1 and n.kind = 'file' and n.head <> v.id
       and ${inFolder ? 'n.parent = $2 and n.trashed_at is null' : 'n.id = $2'} limit $3`,
    [account, inFolder ? place.folder : place.file, most],
  );
  return rows.map(({ id }) => id);
}

export interface WeighedFile {
  id: string;
  chunks: number;
}

/** Files of a folder, each with the chunks of its newest version: what erasing it will touch. */
export function filesIn(sql: Sql, account: string, folder: string, most: number): Promise<WeighedFile[]> {
  return sql.query(
    `select n.id, coalesce(c.chunks, 0) as chunks from (
       select id, head from nodes where account = $1 and parent = $2 and trashed_at is null and kind = 'file' limit $3) n
     left join versions v on v.account = $1 and v.id = n.head
     left join contents c on c.account = $1 and c.id = v.content`,
    [account, folder, most],
  );
}

/** Files with all their versions, and the contents that nothing else holds. The caller has called `beginErasing`. */
export async function eraseFiles(sql: Sql, account: string, files: readonly string[]): Promise<void> {
  await sql.query('select 1 from nodes where account = $1 and id = any($2::uuid[]) order by id for update', [
    account,
    files,
  ]);
  const held = await sql.query<{ content: string }>(
    'delete from versions where account = $1 and file = any($2::uuid[]) returning content',
    [account, files],
  );
  await sql.execute('delete from nodes where account = $1 and id = any($2::uuid[])', [account, files]);
  await eraseUnheld(
    sql,
    account,
    held.map(({ content }) => content),
  );
}

/** Deletes folders in which nothing is left. */
export function eraseEmptyFolders(sql: Sql, account: string, parent: string, most: number): Promise<number> {
  return sql.execute(
    `delete from nodes where account = $1 and id in (
       select f.id from nodes f where f.account = $1 and f.parent = $2 and f.kind = 'folder' and f.trashed_at is null
         and not exists (select 1 from nodes c where c.account = $1 and c.parent = f.id) limit $3)`,
    [account, parent, most],
  );
}

export async function eraseFolder(sql: Sql, account: string, folder: string): Promise<void> {
  await sql.execute(`delete from nodes where account = $1 and id = $2 and kind = 'folder'`, [account, folder]);
}

export async function anyFolderIn(sql: Sql, account: string, parent: string): Promise<string | undefined> {
  const rows = await sql.query<{ id: string }>(
    `select id from nodes where account = $1 and parent = $2 and kind = 'folder' and trashed_at is null limit 1`,
    [account, parent],
  );
  return rows[0]?.id;
}
