import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Old versions and the trash are given up: after a time, beyond a number, or when somebody asks. `superseded_at` is set
 * when a newer version takes a version's place, so that an index holds the old ones alone. What shall be erased stands in
 * `erasures` from the moment it was asked for; then it is in no trash any more, and erased in bounded pieces, whoever is killed.
 */
export class RetireVersions1763712000030 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table versions add column superseded_at timestamptz`);
    await runner.query(
      `update versions v set superseded_at = now()
       where not exists (select 1 from nodes n where n.account = v.account and n.id = v.file and n.head = v.id)`,
    );
    await runner.query(
      `create index versions_superseded on versions (superseded_at, account, file) where superseded_at is not null`,
    );
    await runner.query(`create index nodes_trash_age on nodes (trashed_at) where trashed_at is not null`);
    await runner.query(`
      create table erasures (
        account uuid not null,
        node uuid not null,
        asked_at timestamptz not null default now(),
        primary key (account, node),
        foreign key (account, node) references nodes on delete cascade
      )`);
    await runner.query(`create index erasures_by_age on erasures (asked_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table erasures`);
    await runner.query(`drop index nodes_trash_age`);
    await runner.query(`drop index versions_superseded`);
    await runner.query(`alter table versions drop column superseded_at`);
  }
}
