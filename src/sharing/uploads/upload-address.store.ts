import type { Sql } from '../../database/index.js';

/** By the database's clock, which alone says what the time is. */
export async function addressTerms(
  sql: Sql,
  account: string,
  seconds: number,
): Promise<{ credential_version: number; until: number } | undefined> {
  const rows = await sql.query<{ credential_version: number; until: number }>(
    `select credential_version, floor(extract(epoch from now()))::bigint + $2::int as until from accounts
     where id = $1 and deleted_at is null`,
    [account, seconds],
  );
  return rows[0];
}

/** Whether its time is not over, and its account is still what it was when it was signed, and may have files. */
export async function addressHolds(
  sql: Sql,
  address: { account: string; credentialVersion: number; until: number },
): Promise<boolean> {
  const rows = await sql.query(
    `select 1 from accounts where id = $1 and credential_version = $2 and now() < to_timestamp($3::bigint)
       and disabled_at is null and deleted_at is null and 'user' = any(roles)`,
    [address.account, address.credentialVersion, address.until],
  );
  return rows.length > 0;
}
