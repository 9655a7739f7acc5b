import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Backups that lie on connections too. A copy is made of blobs that belong to no account and to no shard: what proves such a
 * blob is the digest in its own row. `left_there`: the connection was removed, and what lay there could not be deleted.
 */
export class KeepBackupsOnConnections1763712000065 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table connections add column keeps_backups boolean not null default false`);
    await runner.query(
      `alter table connections add constraint connections_house_keeps_backups check (account is null or not keeps_backups)`,
    );
    await runner.query(`alter table blobs add column digest bytea check (octet_length(digest) = 32)`);
    await runner.query(`
      create table backup_copies (
        id uuid primary key,
        backup uuid not null references backups on delete cascade,
        connection uuid not null,
        begun_at timestamptz not null default now(),
        proved_at timestamptz,
        condemned_at timestamptz,
        ended_at timestamptz,
        left_there boolean not null default false
      )`);
    await runner.query(`create index backup_copies_here on backup_copies (connection) where ended_at is null`);
    await runner.query(`create index backup_copies_of on backup_copies (backup)`);
    await runner.query(
      `create unique index backup_copies_one_begun on backup_copies (connection)
       where proved_at is null and condemned_at is null and ended_at is null`,
    );
    await runner.query(`
      create table backup_pieces (
        copy uuid not null references backup_copies on delete cascade,
        part integer not null check (part >= 0),
        blob uuid not null,
        digest bytea check (octet_length(digest) = 32),
        primary key (copy, part)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table backup_pieces`);
    await runner.query(`drop table backup_copies`);
    await runner.query(`alter table blobs drop column digest`);
    await runner.query(`alter table connections drop constraint connections_house_keeps_backups`);
    await runner.query(`alter table connections drop column keeps_backups`);
  }
}
