import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Which backups were made and proved readable; and holds: from when to when nothing is deleted on any connection, because
 * this database may be an older copy of itself. `seen_sequence` is what a connection's marker said
 * that was ahead of this database.
 */
export class CreateBackups1763712000054 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table backups (
        id uuid primary key,
        file text not null check (octet_length(file) between 1 and 4096),
        made_at timestamptz not null,
        bytes bigint not null check (bytes > 0),
        rows bigint not null check (rows >= 0),
        digest bytea not null check (octet_length(digest) = 32),
        proved_at timestamptz not null default now(),
        expired_at timestamptz
      )`);
    await runner.query(`create index backups_by_time on backups (made_at)`);
    await runner.query(`
      create table holds (
        id uuid primary key,
        why text not null check (why in ('restored', 'ahead', 'asked')),
        began_at timestamptz not null default now(),
        began_by uuid,
        backup uuid,
        backup_made_at timestamptz,
        sequence bigint not null,
        ends_at timestamptz,
        ended_by uuid
      )`);
    await runner.query(`create unique index holds_one_open on holds ((true)) where ends_at is null`);
    await runner.query(`alter table connections add column seen_sequence bigint`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table connections drop column seen_sequence`);
    await runner.query(`drop table holds`);
    await runner.query(`drop table backups`);
  }
}
