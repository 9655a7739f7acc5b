import type { Sql } from '../database/index.js';
import { formatPath, parsePath } from './names.js';
import { pathsOf } from './paths.store.js';

export interface PlaceInTree {
  readonly path: string;
  readonly inTrash: boolean;
}

/** Where nodes lie, by id; of what is in the trash, where it was. */
export async function placesOf(sql: Sql, account: string, nodes: readonly string[]): Promise<Map<string, PlaceInTree>> {
  const rows = await pathsOf(sql, account, nodes);
  return new Map(
    rows.map(({ id, names, trashed_path: trashed }) => {
      // The first name is the one that was put into the trash; its path ends with it.
      const above = trashed === null ? [] : parsePath(trashed).slice(0, -1);
      return [id, { path: formatPath([...above, ...names]), inTrash: trashed !== null }];
    }),
  );
}
