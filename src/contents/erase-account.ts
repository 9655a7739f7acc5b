import type { Database, Sql } from '../database/index.js';
import { beginErasing } from './erase.store.js';
import { condemnBlobs, dropContents, dropQuota, eraseContents } from './erase-account.store.js';

const BLOBS_AT_ONCE = 5_000;
/** A content has up to thousands of chunks, which go with it. */
const CONTENTS_AT_ONCE = 20;
const FIRST = '00000000-0000-0000-0000-000000000000';

/** The keys of everything that an account stores, at once, in the caller's transaction. Answers how many contents there were. */
export async function eraseAllContents(sql: Sql, account: string): Promise<number> {
  await beginErasing(sql, account);
  return eraseContents(sql, account);
}

/** Everything that an account stores is to be deleted. May be repeated: an upload that was on its way may have left more. */
export async function condemnAll(database: Database, account: string, signal: AbortSignal): Promise<void> {
  await database.tx((sql) => eraseAllContents(sql, account));
  for (let after: string | null = FIRST; after !== null;) {
    signal.throwIfAborted();
    const from: string = after;
    after = await database.tx((sql) => condemnBlobs(sql, account, from, BLOBS_AT_ONCE));
  }
}

/** Forgets an account's contents, when its tree is gone; the rows of its blobs stay until they are deleted. */
export async function dropAllContents(database: Database, account: string, signal: AbortSignal): Promise<void> {
  while ((await database.tx((sql) => dropContents(sql, account, CONTENTS_AT_ONCE))) === CONTENTS_AT_ONCE) {
    signal.throwIfAborted();
  }
  await database.tx((sql) => dropQuota(sql, account));
}
