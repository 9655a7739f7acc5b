import type { Database } from '../database/index.js';
import { abandonDraft } from './abandon.store.js';
import { openDraftsOn, settleRemovedBlobs } from './leaving.store.js';

const BLOBS_AT_ONCE = 2_000;

/**
 * Settles what was on a connection that is removed. Uploads that have a chunk there are given up, before their blobs are
 * touched: none is published with a chunk that is missing from its first moment. Answers how much there was; an upload that
 * planned before the removal may add some a moment later, so that once is not enough.
 */
export async function settleRemoved(database: Database, connection: string, signal?: AbortSignal): Promise<number> {
  let total = 0;
  for (const draft of await openDraftsOn(database, connection)) {
    if (await database.tx((sql) => abandonDraft(sql, draft))) total += 1;
  }
  for (let after = ''; ;) {
    signal?.throwIfAborted();
    const part = await database.tx((sql) => settleRemovedBlobs(sql, connection, after, BLOBS_AT_ONCE));
    if (part === null) return total;
    total += part.settled;
    after = part.last;
  }
}
