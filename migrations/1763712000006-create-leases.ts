import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A running gateway proves that it lives by renewing its row; what it holds (open drafts, slabs of
 * quota and of space) dies with it. A slab is room set aside for one gateway, so that publishing a
 * file updates no shared row; `settled` is what was taken by contents whose slab is closed.
 */
export class CreateLeases1763712000006 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table gateways (
        id uuid primary key,
        started_at timestamptz not null default now(),
        alive_until timestamptz not null
      )`);
    await runner.query(`
      create table quota_usage (
        account uuid primary key references accounts,
        settled bigint not null default 0 check (settled >= 0)
      )`);
    await runner.query(`
      create table quota_slabs (
        account uuid not null references accounts,
        id uuid not null,
        gateway uuid not null references gateways,
        granted bigint not null check (granted >= 0),
        created_at timestamptz not null default now(),
        primary key (account, id)
      )`);
    await runner.query(`create index quota_slabs_by_gateway on quota_slabs (gateway)`);
    await runner.query(`
      create table space_slabs (
        connection uuid not null references connections,
        gateway uuid not null references gateways on delete cascade,
        granted bigint not null check (granted >= 0),
        primary key (connection, gateway)
      )`);
    await runner.query(`create index space_slabs_by_gateway on space_slabs (gateway)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['space_slabs', 'quota_slabs', 'quota_usage', 'gateways']) {
      await runner.query(`drop table ${table}`);
    }
  }
}
