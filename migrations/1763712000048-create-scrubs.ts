import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How far the looking through each connection has come, so that whoever goes on begins where the last one stopped; and the
 * names that were listed there without a row: what is in two listings, an hour apart, is swept.
 */
export class CreateScrubs1763712000048 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table scrubs (
        connection uuid primary key references connections on delete cascade,
        run uuid not null,
        asked boolean not null,
        said_lost boolean not null default false,
        reads text not null check (reads in ('due', 'sample', 'needed', 'all')),
        step text not null default 'listing' check (step in ('listing', 'unlisted', 'reading', 'strays', 'ended')),
        place text check (place in ('whole', 'unmarked', 'empty')),
        cursor text,
        stumbles integer not null default 0,
        unlistable boolean not null default false,
        soon boolean not null default false,
        began_at timestamptz not null default now(),
        listing_began_at timestamptz not null default now(),
        unmarked_at timestamptz,
        touched_at timestamptz not null default now(),
        ended_at timestamptz,
        next_at timestamptz not null,
        known bigint not null default 0,
        entries bigint not null default 0,
        listed bigint not null default 0,
        unknown bigint not null default 0,
        to_read bigint not null default 0,
        read bigint not null default 0,
        bytes bigint not null default 0,
        missing bigint not null default 0,
        damaged bigint not null default 0,
        healed bigint not null default 0,
        swept bigint not null default 0,
        check ((step = 'ended') = (ended_at is not null))
      )`);
    await runner.query(`create index scrubs_due on scrubs (next_at)`);
    await runner.query(`
      create table strays (
        connection uuid not null references connections on delete cascade,
        name text not null,
        first_seen_at timestamptz not null default now(),
        seen_at timestamptz not null default now(),
        primary key (connection, name)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table strays`);
    await runner.query(`drop table scrubs`);
  }
}
