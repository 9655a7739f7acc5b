import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Folders whose files nobody changes, moves or erases before a date, on the database's clock. A trigger lets the date only grow. */
export class CreateImmutableFolders1763712000034 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table immutable_folders (
        account uuid not null,
        node uuid not null,
        until timestamptz not null,
        made_at timestamptz not null default now(),
        primary key (account, node),
        foreign key (account, node) references nodes on delete cascade
      )`);
    await runner.query(`
      create function immutable_date_only_grows() returns trigger language plpgsql as $$
      begin
        if new.until < old.until then raise exception 'an immutable folder stays so until its date'; end if;
        return new;
      end $$`);
    await runner.query(`
      create trigger immutable_date_only_grows before update on immutable_folders
      for each row execute function immutable_date_only_grows()`);
    await makeQuestions(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop function is_immutable(uuid, uuid), holds_immutable(uuid, uuid)`);
    await runner.query(`drop table immutable_folders`);
    await runner.query(`drop function immutable_date_only_grows()`);
  }
}

/** One look into the primary key for each step up; and none at all for an account that has no such folder. */
const UP = `
  union
  select n.id, n.parent from up join lateral (
    select id, parent from nodes where account = whose and id = up.parent limit 1
  ) n on true`;

async function makeQuestions(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create function is_immutable(whose uuid, start uuid) returns boolean language plpgsql stable as $$
    begin
      if not exists (select 1 from immutable_folders where account = whose and until > now()) then return false; end if;
      return exists (
        with recursive up as (select id, parent from nodes where account = whose and id = start ${UP})
        select 1 from up join immutable_folders f on f.account = whose and f.node = up.id and f.until > now());
    end $$`);
  await runner.query(`
    create function holds_immutable(whose uuid, start uuid) returns boolean language plpgsql stable as $$
    begin
      return exists (
        with recursive up as (
          select n.id, n.parent from immutable_folders f join nodes n on n.account = whose and n.id = f.node
          where f.account = whose and f.until > now() ${UP})
        select 1 from up where id = start);
    end $$`);
}
