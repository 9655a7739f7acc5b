import type { Sql } from '../database/index.js';
import { VERSION, type VersionRow } from './tree.store.js';

export type NumberedVersion = VersionRow & { number: number };

/** Versions of a file, the newest first, below the given number. */
export function versionsOf(
  sql: Sql,
  account: string,
  file: string,
  page: { before: number | null; most: number },
): Promise<NumberedVersion[]> {
  return sql.query<NumberedVersion>(
    `select ${VERSION}, v.number from versions v
     where v.account = $1 and v.file = $2 and v.number < coalesce($3::int, 2147483647)
     order by v.number desc limit $4`,
    [account, file, page.before, page.most],
  );
}

export async function versionOf(
  sql: Sql,
  account: string,
  file: string,
  version: string,
): Promise<VersionRow | undefined> {
  const rows = await sql.query<VersionRow>(
    `select ${VERSION} from versions v where v.account = $1 and v.id = $3 and v.file = $2`,
    [account, file, version],
  );
  return rows[0];
}

/** Deletes old versions, never a file's newest one; answers the contents that they held. */
export async function deleteOldVersions(sql: Sql, account: string, versions: readonly string[]): Promise<string[]> {
  const rows = await sql.query<{ content: string }>(
    `delete from versions v where v.account = $1 and v.id = any($2::uuid[])
       and not exists (select 1 from nodes n where n.account = $1 and n.id = v.file and n.head = v.id)
     returning v.content`,
    [account, versions],
  );
  return rows.map(({ content }) => content);
}
