import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Root epochs are remembered by fingerprint only, so that a wrong key file stops the start; account keys lie wrapped under one of them. */
export class CreateKeys1763712000004 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table root_epochs (
        epoch integer primary key check (epoch > 0),
        fingerprint bytea not null unique check (octet_length(fingerprint) = 32),
        created_at timestamptz not null default now()
      )`);
    await runner.query(`
      create table account_keys (
        account uuid not null references accounts,
        id uuid not null,
        wrapped bytea check (octet_length(wrapped) = 72),
        root_epoch integer not null references root_epochs,
        created_at timestamptz not null default now(),
        retired_at timestamptz,
        destroyed_at timestamptz,
        primary key (account, id),
        check ((wrapped is null) = (destroyed_at is not null))
      )`);
    await runner.query(`create unique index account_keys_current on account_keys (account) where retired_at is null`);
    await runner.query(`create index account_keys_by_epoch on account_keys (root_epoch)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table account_keys`);
    await runner.query(`drop table root_epochs`);
  }
}
