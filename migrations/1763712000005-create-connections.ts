import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Places where blobs lie. `account` is null for the house's own. `identity` is what makes two
 * connections the same remote place; credentials are sealed under a key of their own, wrapped
 * under the root epoch that `credential_epoch` names.
 */
export class CreateConnections1763712000005 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // What a marker names as its owner: the same for all gateways of one database, another for each database.
    await runner.query(`
      create table installation (
        singleton boolean primary key default true check (singleton),
        id uuid not null default gen_random_uuid()
      )`);
    await runner.query(`insert into installation default values`);
    await runner.query(`
      create table connections (
        id uuid primary key,
        account uuid references accounts,
        provider text not null check (provider ~ '^[a-z0-9-]{1,40}$'),
        label text not null check (octet_length(label) between 1 and 200),
        identity text not null,
        domain text not null check (octet_length(domain) between 1 and 300),
        folder text not null check (folder ~ '^[0-9a-f]{32}$'),
        settings jsonb not null,
        credentials bytea,
        credential_key bytea check (octet_length(credential_key) = 72),
        credential_epoch integer references root_epochs,
        enabled boolean not null default true,
        priority integer not null default 0,
        limits jsonb not null default '{}',
        alarm text,
        last_success_at timestamptz,
        last_error text,
        last_error_at timestamptz,
        space_total bigint,
        space_used bigint,
        space_free bigint,
        space_at timestamptz,
        marked_at timestamptz,
        marked_sequence bigint not null default 0,
        marked_epoch integer references root_epochs,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        removed_at timestamptz,
        check ((credentials is null) = (credential_key is null) and (credentials is null) = (credential_epoch is null))
      )`);
    await runner.query(`create index connections_by_account on connections (account) where removed_at is null`);
    await runner.query(
      `create unique index connections_one_place on connections (provider, identity) where removed_at is null`,
    );
    await runner.query(`
      create table spreads (
        account uuid primary key references accounts,
        data smallint not null check (data between 1 and 16),
        parity smallint not null check (parity between 0 and 8),
        connections uuid[],
        updated_at timestamptz not null default now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table spreads`);
    await runner.query(`drop table connections`);
    await runner.query(`drop table installation`);
  }
}
