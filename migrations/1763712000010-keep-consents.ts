import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a vendor granted to a connection, and when it ends. The tokens themselves lie sealed in the connection's row;
 * `version` rises with every answer that is stored there, `claim` is the fencing token of who may ask the vendor now.
 */
export class KeepConsents1763712000010 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table connections add column needs_reconnect_at timestamptz`);
    await runner.query(`
      create table oauth_grants (
        connection uuid primary key references connections on delete cascade,
        vendor_account text not null check (octet_length(vendor_account) between 3 and 300),
        remote_name text not null check (octet_length(remote_name) between 1 and 400),
        version bigint not null default 1,
        access_expires_at timestamptz not null,
        access_lives_ms bigint not null check (access_lives_ms > 0),
        refreshed_at timestamptz not null default clock_timestamp(),
        grant_expires_at timestamptz,
        claim bigint not null default 0,
        claimed_until timestamptz,
        not_before timestamptz,
        failures integer not null default 0,
        trouble text
      )`);
    await runner.query(`create index oauth_grants_by_refresh on oauth_grants (refreshed_at)`);
    await runner.query(`create index oauth_grants_by_account on oauth_grants (vendor_account)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table oauth_grants`);
    await runner.query(`alter table connections drop column needs_reconnect_at`);
  }
}
