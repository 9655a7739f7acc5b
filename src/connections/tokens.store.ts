import type { Sql } from '../database/index.js';
import type { SealedCredentials } from '../keys/index.js';
import type { ConnectionRow } from './connections.store.js';

/** What is known of a connection's tokens, by the database's clock. */
export interface GrantRow extends Pick<
  ConnectionRow,
  'id' | 'account' | 'provider' | 'credentials' | 'credential_key' | 'credential_epoch'
> {
  needs_reconnect: boolean;
  version: number;
  /** How long the access token is still good; less than nothing when it is not. */
  good_ms: number;
  access_lives_ms: number;
  /** How long the vendor is to be left alone, after an attempt that failed. */
  wait_ms: number;
  trouble: string | null;
}

const milliseconds = (interval: string) => `ceil(extract(epoch from ${interval}) * 1000)::bigint`;
const inMs = (value: string) => `clock_timestamp() + make_interval(secs => ${value}::double precision / 1000)`;

/** Undefined for a connection that is gone, or whose credentials are. */
export async function grantOf(sql: Sql, connection: string): Promise<GrantRow | undefined> {
  const rows = await sql.query<GrantRow>(
    `select c.id, c.account, c.provider, c.credentials, c.credential_key, c.credential_epoch,
       c.needs_reconnect_at is not null as needs_reconnect, g.version, g.access_lives_ms, g.trouble,
       ${milliseconds('g.access_expires_at - clock_timestamp()')} as good_ms,
       greatest(0, coalesce(${milliseconds('g.not_before - clock_timestamp()')}, 0)) as wait_ms
     from connections c join oauth_grants g on g.connection = c.id
     where c.id = $1 and c.removed_at is null and c.credentials is not null`,
    [connection],
  );
  return rows[0];
}

export interface Claim {
  readonly claim: string;
  /** How often it went wrong since it last went well. */
  readonly failures: number;
}

/** The right to ask the vendor, for a while; undefined while somebody else has it, or has changed what was read. */
export async function claimRefresh(
  sql: Sql,
  connection: string,
  version: number,
  forMs: number,
): Promise<Claim | undefined> {
  const rows = await sql.query<{ claim: string; failures: number }>(
    `update oauth_grants set claim = nextval('fencing_tokens'), claimed_until = ${inMs('$3')}
     where connection = $1 and version = $2 and (claimed_until is null or claimed_until <= clock_timestamp())
       and (not_before is null or not_before <= clock_timestamp())
     returning claim::text, failures`,
    [connection, version, forMs],
  );
  return rows[0];
}

export interface GrantTimes {
  readonly livesMs: number;
  /** Of the access token, from now. */
  readonly goodMs: number;
  /** Of the whole grant, from now; null where nothing new is known of it. */
  readonly grantEndsInMs: number | null;
}

/**
 * Stores what came of a refresh, unless somebody has stored something since `version` was read. `revived`: the consent
 * had been taken for ended, and new tokens are proof that it has not.
 */
export async function storeRefreshed(
  sql: Sql,
  connection: string,
  version: number,
  credentials: SealedCredentials,
  times: GrantTimes,
): Promise<'stored' | 'revived' | 'overtaken'> {
  const [here] = await sql.query<{ ended: boolean }>(
    `select needs_reconnect_at is not null as ended from connections
     where id = $1 and removed_at is null and credentials is not null for update`,
    [connection],
  );
  if (!here) return 'overtaken';
  const stored = await sql.execute(
    `update oauth_grants set version = version + 1, access_expires_at = ${inMs('$3')}, access_lives_ms = $4,
       refreshed_at = clock_timestamp(),
       grant_expires_at = case when $5::bigint is null then grant_expires_at else ${inMs('$5')} end,
       claimed_until = null, not_before = null, failures = 0, trouble = null
     where connection = $1 and version = $2`,
    [connection, version, times.goodMs, times.livesMs, times.grantEndsInMs],
  );
  if (stored === 0) return 'overtaken';
  await replaceCredentials(sql, connection, credentials);
  return here.ended ? 'revived' : 'stored';
}

export interface NewGrant extends GrantTimes {
  /** Vendor and account, the same for every connection that lives by one consent. */
  readonly vendorAccount: string;
  readonly remoteName: string;
}

/** Beside a new connection, or in place of what an earlier consent gave. */
export async function storeGrant(sql: Sql, connection: string, grant: NewGrant): Promise<void> {
  await sql.execute(
    `insert into oauth_grants as g
       (connection, vendor_account, remote_name, access_expires_at, access_lives_ms, grant_expires_at)
     values ($1, $2, $3, ${inMs('$4')}, $5, case when $6::bigint is null then null else ${inMs('$6')} end)
     on conflict (connection) do update set vendor_account = excluded.vendor_account,
       remote_name = excluded.remote_name, version = g.version + 1,
       access_expires_at = excluded.access_expires_at, access_lives_ms = excluded.access_lives_ms,
       refreshed_at = excluded.refreshed_at, grant_expires_at = excluded.grant_expires_at,
       claimed_until = null, not_before = null, failures = 0, trouble = null`,
    [connection, grant.vendorAccount, grant.remoteName, grant.goodMs, grant.livesMs, grant.grantEndsInMs],
  );
}

/** New ones are proof that the consent holds. */
export async function replaceCredentials(sql: Sql, connection: string, credentials: SealedCredentials): Promise<void> {
  await sql.execute(
    `update connections set credentials = $2, credential_key = $3, credential_epoch = $4, needs_reconnect_at = null,
       updated_at = now() where id = $1`,
    [connection, credentials.sealed, credentials.wrappedKey, credentials.epoch],
  );
}

/** The vendor could not be asked, or would not answer: nobody tries again before the wait is over. */
export async function noteRefreshFailed(
  sql: Sql,
  connection: string,
  claim: string,
  failure: { readonly waitMs: number; readonly trouble: string | null },
): Promise<void> {
  await sql.execute(
    `update oauth_grants set claimed_until = null, not_before = ${inMs('$3')}, failures = failures + 1, trouble = $4
     where connection = $1 and claim = $2`,
    [connection, claim, failure.waitMs, failure.trouble],
  );
}

/**
 * The vendor says that the consent is gone. That counts only if it was said of what is still stored, to who still holds
 * the claim; and once. True when this call was the one. The claim is not given back: whoever read the row a moment ago
 * would take it, and ask again.
 */
export async function noteWithdrawn(sql: Sql, connection: string, version: number, claim: string): Promise<boolean> {
  const here = await sql.query(
    `select 1 from connections where id = $1 and removed_at is null and needs_reconnect_at is null for update`,
    [connection],
  );
  if (here.length === 0) return false;
  const held = await sql.query(
    `select 1 from oauth_grants where connection = $1 and version = $2 and claim = $3 for update`,
    [connection, version, claim],
  );
  if (held.length === 0) return false;
  await sql.execute('update connections set needs_reconnect_at = clock_timestamp() where id = $1', [connection]);
  return true;
}

/** What people may see of their grants. */
export interface ShownGrant {
  connection: string;
  remote_name: string;
  grant_expires_at: Date | null;
  refreshed_at: Date;
  trouble: string | null;
}

export function shownGrants(sql: Sql, connections: readonly string[]): Promise<ShownGrant[]> {
  return sql.query(
    `select connection, remote_name, grant_expires_at, refreshed_at, trouble from oauth_grants
     where connection = any ($1::uuid[])`,
    [connections],
  );
}

/** Connections whose grant nobody has used for so long, and that may be asked for. */
export async function idleGrants(sql: Sql, provider: string, idleMs: number, most: number): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `select c.id from oauth_grants g join connections c on c.id = g.connection
     where c.provider = $1 and c.removed_at is null and c.credentials is not null and c.needs_reconnect_at is null
       and g.refreshed_at < clock_timestamp() - make_interval(secs => $2::double precision / 1000)
       and (g.not_before is null or g.not_before <= clock_timestamp())
     order by g.refreshed_at limit $3`,
    [provider, idleMs, most],
  );
  return rows.map(({ id }) => id);
}

/** Whether another connection lives by the same consent: withdrawing it at the vendor would end both. */
export async function sharesConsent(sql: Sql, connection: string): Promise<boolean> {
  const rows = await sql.query<{ shared: boolean }>(
    `select exists (select 1 from oauth_grants own join oauth_grants g on g.vendor_account = own.vendor_account
       join connections c on c.id = g.connection
       where own.connection = $1 and c.id <> $1 and c.removed_at is null and c.credentials is not null) as shared`,
    [connection],
  );
  return rows[0]?.shared ?? false;
}
