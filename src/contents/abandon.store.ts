import type { Sql } from '../database/index.js';
import type { NewContent } from './draft.store.js';
import { inLockOrder } from './lock-order.store.js';

/**
 * Gives an open draft up: its key is destroyed and its blobs condemned, in one transaction. False
 * when it was not open (any more): then it was published, or given up before, or never came to be.
 */
export async function abandonDraft(sql: Sql, draft: { account: string; id: string }): Promise<boolean> {
  const ended = await sql.query(
    `update contents set state = 'abandoned', wrapped_key = null, ended_at = now()
     where account = $1 and id = $2 and state = 'open' returning 1`,
    [draft.account, draft.id],
  );
  if (ended.length === 0) return false;
  await sql.execute(
    `with given_up as (
       ${inLockOrder(`blobs b where b.account = $1 and b.state in ('intended', 'live')
         and b.id in (select blob from shards where account = $1 and content = $2)`)}
     )
     update blobs b set state = 'condemned', condemned_at = now() from given_up g where b.account = $1 and b.id = g.id`,
    [draft.account, draft.id],
  );
  return true;
}

export async function contentState(sql: Sql, draft: { account: string; id: string }): Promise<string | undefined> {
  const rows = await sql.query<{ state: string }>('select state from contents where account = $1 and id = $2', [
    draft.account,
    draft.id,
  ]);
  return rows[0]?.state;
}

/** Open drafts of a gateway that are older than a minute: what it does not know itself was left by a lost answer. */
export function openDrafts(
  sql: Sql,
  gateway: string,
  olderThanSeconds: number,
): Promise<{ account: string; id: string }[]> {
  return sql.query(
    `select account, id from contents where state = 'open' and gateway = $1
       and created_at < now() - make_interval(secs => $2)`,
    [gateway, olderThanSeconds],
  );
}

/** Takes the place of a content that may or may not be there, waiting for whoever is inserting it. */
export async function entomb(sql: Sql, content: NewContent): Promise<void> {
  await sql.query(
    `insert into contents (account, id, state, account_key, data, parity, ended_at)
     values ($1, $2, 'abandoned', $3, $4, $5, now()) on conflict do nothing`,
    [content.account, content.id, content.accountKey, content.data, content.parity],
  );
}
