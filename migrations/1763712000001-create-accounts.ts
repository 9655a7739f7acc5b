import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Who signs in, and by what. `email_key` is what lookups compare; it is free again once an account was deleted.
 * Everything that opens a door is kept as a hash: a dump of these tables signs nobody in.
 */
export class CreateAccounts1763712000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await createAccounts(runner);
    await createWaysIn(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['one_time_links', 'app_passwords', 'sessions', 'accounts']) {
      await runner.query(`drop table ${table}`);
    }
  }
}

async function createAccounts(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create table accounts (
      id uuid primary key,
      email text not null check (octet_length(email) between 3 and 1024),
      email_key text collate "C" not null,
      password_hash text,
      roles text[] not null check (roles <@ array['user', 'admin', 'auditor'] and array_position(roles, null) is null),
      quota_bytes bigint check (quota_bytes >= 0),
      credential_version integer not null default 1,
      last_sign_in_at timestamptz,
      disabled_at timestamptz,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      deleted_at timestamptz
    )`);
  await runner.query(`create unique index accounts_one_email on accounts (email_key) where deleted_at is null`);
}

async function createWaysIn(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create table sessions (
      id uuid primary key,
      account uuid not null references accounts,
      token_hash bytea not null unique check (octet_length(token_hash) = 32),
      created_at timestamptz not null default now(),
      last_seen_at timestamptz not null default now(),
      expires_at timestamptz not null
    )`);
  await runner.query(`create index sessions_by_account on sessions (account)`);
  await runner.query(`create index sessions_by_end on sessions (expires_at)`);
  await runner.query(`
    create table app_passwords (
      id uuid primary key,
      account uuid not null references accounts,
      label text not null check (octet_length(label) between 1 and 400),
      secret_hash bytea not null unique check (octet_length(secret_hash) = 32),
      created_at timestamptz not null default now(),
      last_used_at timestamptz
    )`);
  await runner.query(`create index app_passwords_by_account on app_passwords (account)`);
  await runner.query(`
    create table one_time_links (
      token_hash bytea primary key check (octet_length(token_hash) = 32),
      purpose text not null check (purpose in ('set-up', 'set-password')),
      account uuid references accounts,
      created_at timestamptz not null default now(),
      expires_at timestamptz,
      check ((purpose = 'set-up') = (account is null)),
      check ((purpose = 'set-up') = (expires_at is null))
    )`);
  await runner.query(`create index one_time_links_by_account on one_time_links (account)`);
}
