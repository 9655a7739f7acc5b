import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createPartitions } from './partitions.js';

/**
 * What changed in a tree, so that programs can follow. Triggers write it, whoever changes a node, in the same transaction.
 * The order is that of transactions, `xid`, and within one that of `seq`: a reader stops before the oldest transaction that
 * still runs, which a mere sequence would let it pass. `change_feed` remembers which database cluster the numbers are of,
 * and up to where the past was forgotten.
 */
export class CreateChanges1763712000031 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create sequence change_sequence`);
    await runner.query(`
      create table changes (
        account uuid not null,
        xid xid8 not null default pg_current_xact_id(),
        seq bigint not null default nextval('change_sequence'),
        node uuid not null,
        node_kind text not null,
        change text not null check (change in ('made', 'stored', 'moved', 'trashed', 'restored', 'erased')),
        at timestamptz not null default now(),
        primary key (account, xid, seq)
      ) partition by hash (account)`);
    await createPartitions(runner, 'changes');
    await runner.query(`create index changes_age on changes using brin (at)`);
    await runner.query(`
      create table change_feed (
        singleton boolean primary key default true check (singleton),
        cluster text not null,
        forgotten_until xid8 not null default '0'
      )`);
    await noteInserts(runner);
    await noteUpdates(runner);
    await noteDeletes(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const what of ['inserts', 'updates', 'deletes']) {
      await runner.query(`drop trigger note_${what} on nodes`);
      await runner.query(`drop function note_node_${what}()`);
    }
    await runner.query(`drop table change_feed`);
    await runner.query(`drop table changes`);
    await runner.query(`drop sequence change_sequence`);
  }
}

async function noteInserts(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create function note_node_inserts() returns trigger language plpgsql as $$
    begin
      insert into changes (account, node, node_kind, change)
      select account, id, kind, case kind when 'file' then 'stored' else 'made' end from added where parent is not null;
      return null;
    end $$`);
  await runner.query(`
    create trigger note_inserts after insert on nodes referencing new table as added
    for each statement execute function note_node_inserts()`);
}

/** A folder's own times change with nothing that a follower wants to know. */
async function noteUpdates(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create function note_node_updates() returns trigger language plpgsql as $$
    begin
      insert into changes (account, node, node_kind, change)
      select account, id, kind, change from (
        select a.account, a.id, a.kind, case
          when b.trashed_at is null and a.trashed_at is not null then 'trashed'
          when b.trashed_at is not null and a.trashed_at is null then 'restored'
          when a.trashed_at is not null then null
          when (b.parent, b.name) is distinct from (a.parent, a.name) then 'moved'
          when b.head is distinct from a.head then 'stored' end as change
        from before b join after a on a.account = b.account and a.id = b.id
      ) changed where change is not null;
      return null;
    end $$`);
  await runner.query(`
    create trigger note_updates after update on nodes referencing old table as before new table as after
    for each statement execute function note_node_updates()`);
}

/** Of what is erased only what was thrown away by itself: whoever follows has seen the rest go with it. */
async function noteDeletes(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create function note_node_deletes() returns trigger language plpgsql as $$
    begin
      insert into changes (account, node, node_kind, change)
      select account, id, kind, 'erased' from gone where trashed_at is not null;
      return null;
    end $$`);
  await runner.query(`
    create trigger note_deletes after delete on nodes referencing old table as gone
    for each statement execute function note_node_deletes()`);
}
