import type { Sql } from '../database/index.js';

export interface AccountKeyRow {
  id: string;
  wrapped: Buffer | null;
  root_epoch: number;
}

export function knownEpochs(sql: Sql): Promise<{ epoch: number; fingerprint: Buffer }[]> {
  return sql.query('select epoch, fingerprint from root_epochs order by epoch');
}

export async function rememberEpoch(sql: Sql, epoch: number, fingerprint: Buffer): Promise<void> {
  await sql.query('insert into root_epochs (epoch, fingerprint) values ($1, $2)', [epoch, fingerprint]);
}

/** Serialises two gateways that start at once on a new root key. */
export async function lockEpochs(sql: Sql): Promise<void> {
  await sql.query('lock table root_epochs in share row exclusive mode');
}

export async function anyAccount(sql: Sql): Promise<boolean> {
  const rows = await sql.query<{ found: boolean }>('select exists (select 1 from accounts) as found');
  return rows[0]?.found ?? false;
}

export async function epochsInUse(sql: Sql): Promise<number[]> {
  const rows = await sql.query<{ epoch: number }>(
    `select distinct root_epoch as epoch from account_keys where destroyed_at is null
     union select credential_epoch from connections where credential_epoch is not null
     union select marked_epoch from connections where marked_epoch is not null and removed_at is null`,
  );
  return rows.map((row) => row.epoch);
}

export async function currentAccountKey(sql: Sql, account: string): Promise<AccountKeyRow | undefined> {
  const rows = await sql.query<AccountKeyRow>(
    'select id, wrapped, root_epoch from account_keys where account = $1 and retired_at is null',
    [account],
  );
  return rows[0];
}

export async function accountKeyIds(sql: Sql, account: string): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    'select id from account_keys where account = $1 and wrapped is not null',
    [account],
  );
  return rows.map((row) => row.id);
}

export async function accountKeyById(sql: Sql, account: string, id: string): Promise<AccountKeyRow | undefined> {
  const rows = await sql.query<AccountKeyRow>(
    'select id, wrapped, root_epoch from account_keys where account = $1 and id = $2',
    [account, id],
  );
  return rows[0];
}

/**
 * Does nothing where the account has a current key already, or is deleted; the caller reads again to learn which one won.
 * The account's row is locked shared: a deletion comes before, and is seen, or after, and destroys this key too.
 */
export async function addAccountKey(sql: Sql, account: string, key: AccountKeyRow): Promise<void> {
  await sql.query(
    `insert into account_keys (account, id, wrapped, root_epoch)
     select id, $2::uuid, $3::bytea, $4::integer from accounts where id = $1 and deleted_at is null for share
     on conflict (account) where retired_at is null do nothing`,
    [account, key.id, key.wrapped, key.root_epoch],
  );
}

export function keysUnderOtherEpochs(
  sql: Sql,
  epoch: number,
  most: number,
): Promise<(AccountKeyRow & { account: string })[]> {
  return sql.query(
    `select account, id, wrapped, root_epoch from account_keys
     where root_epoch <> $1 and destroyed_at is null limit $2 for update skip locked`,
    [epoch, most],
  );
}

export async function replaceWrapping(sql: Sql, account: string, key: AccountKeyRow): Promise<void> {
  await sql.query('update account_keys set wrapped = $3, root_epoch = $4 where account = $1 and id = $2', [
    account,
    key.id,
    key.wrapped,
    key.root_epoch,
  ]);
}

/** Not even the root key opens anything of the account from here on, but for copies of these rows elsewhere. */
export function destroyAccountKeys(sql: Sql, account: string): Promise<number> {
  return sql.execute(
    'update account_keys set wrapped = null, destroyed_at = now() where account = $1 and destroyed_at is null',
    [account],
  );
}

/** So long after a destruction a transaction that had read the key before may still be under way. */
export function latelyDestroyed(sql: Sql): Promise<{ account: string }[]> {
  return sql.query(`select distinct account from account_keys where destroyed_at > now() - interval '2 minutes'`);
}
