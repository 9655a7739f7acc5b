/**
 * Whoever changes several blobs in a statement locks them by this first, in the order of accounts and ids: nobody waits for
 * somebody who waits for them. (Those that an upload brings to life are its own, as long as its draft is.) The text that
 * follows `from` speaks of blobs as `b`.
 */
export const inLockOrder = (from: string): string =>
  `select b.account, b.id from ${from} order by b.account, b.id for no key update of b`;

/** Blobs given as two columns, of their accounts and of their ids. */
export const GIVEN = `blobs b join unnest($1::uuid[], $2::uuid[]) as g(account, id) on b.account = g.account and b.id = g.id`;
