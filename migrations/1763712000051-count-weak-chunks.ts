import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Chunks with fewer standing shards than were meant, and how many losses each survives: what a durability figure is made
 * of, so that nobody scans an installation in which all is well. Triggers keep it, whoever notes a fault, takes one back,
 * or moves a shard; a connection that is given up or removed is counted in or out in batches, by upkeep.
 */
export class CountWeakChunks1763712000051 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table weak_chunks (
        account uuid not null,
        content uuid not null,
        chunk integer not null,
        survives smallint not null,
        since timestamptz not null default now(),
        primary key (account, content, chunk)
      )`);
    await runner.query(`create index weak_chunks_by_danger on weak_chunks (account, survives, content)`);
    await runner.query(`create index contents_by_parity on contents (account, parity) where state = 'published'`);
    await runner.query(`create index chunks_by_parity on chunks (account, parity) where parity is not null`);
    await runner.query(`
      alter table connections add column counted_out boolean default false, add column counting_out boolean,
        add column counted_after text`);
    await createRecount(runner);
    await createTriggers(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop trigger spread_weakens on chunks`);
    await runner.query(`drop trigger move_strengthens on shards`);
    await runner.query(`drop trigger fault_weakens on blobs`);
    await runner.query(`drop trigger end_forgets_weak on contents`);
    await runner.query(`
      drop function fault_weakens(), move_strengthens(), spread_weakens(), end_forgets_weak(), recount_chunks(uuid[], uuid[], integer[])`);
    await runner.query(`
      alter table connections drop column counted_out, drop column counting_out, drop column counted_after`);
    await runner.query(`drop index contents_by_parity, chunks_by_parity`);
    await runner.query(`drop table weak_chunks`);
  }
}

/**
 * A chunk's row is written before it is counted: whoever finds another fault of the same chunk at the same time waits here,
 * and then counts with ours. Planned once, by keys and in the order that is written: planning over all partitions takes
 * longer than counting, and tables that nobody has analyzed yet look small enough to be read whole.
 */
async function createRecount(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create function recount_chunks(accounts uuid[], ids uuid[], places integer[]) returns void language plpgsql
    set plan_cache_mode = 'force_generic_plan' set join_collapse_limit = 1 set enable_hashjoin = off
    set enable_mergejoin = off set enable_material = off set enable_seqscan = off set enable_bitmapscan = off as $$
    declare
      one record;
      needed integer;
      meant integer;
      standing integer;
    begin
      for one in select distinct * from unnest(accounts, ids, places) as t(account, content, chunk) order by 1, 2, 3 loop
        select coalesce(k.data, c.data), coalesce(k.parity, c.parity) into needed, meant
        from contents c join chunks k on k.account = one.account and k.content = one.content and k.index = one.chunk
        where c.account = one.account and c.id = one.content and c.state = 'published';
        continue when not found;
        insert into weak_chunks (account, content, chunk, survives) values (one.account, one.content, one.chunk, 0)
        on conflict (account, content, chunk) do update set survives = weak_chunks.survives;
        select count(*) into standing from standing_shards s
        where s.account = one.account and s.content = one.content and s.chunk = one.chunk;
        if standing - needed >= meant then
          delete from weak_chunks where account = one.account and content = one.content and chunk = one.chunk;
        else
          update weak_chunks set survives = greatest(standing - needed, -1)
          where account = one.account and content = one.content and chunk = one.chunk;
        end if;
      end loop;
    end $$`);
}

/** Their conditions are looked at without a call: what is no fault and no move costs an upload next to nothing. */
async function createTriggers(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create function fault_weakens() returns trigger language plpgsql
    set plan_cache_mode = 'force_generic_plan' as $$
    begin
      perform recount_chunks(array_agg(s.account), array_agg(s.content), array_agg(s.chunk))
      from shards s where s.account = new.account and s.blob = new.id having count(*) > 0;
      return null;
    end $$`);
  await runner.query(`
    create trigger fault_weakens after update of fault, state on blobs for each row
    when (old.fault is distinct from new.fault or old.fault is not null and old.state <> new.state)
    execute function fault_weakens()`);
  await runner.query(`
    create function move_strengthens() returns trigger language plpgsql as $$
    begin
      if exists (select 1 from weak_chunks w where w.account = new.account and w.content = new.content and w.chunk = new.chunk) then
        perform recount_chunks(array[new.account], array[new.content], array[new.chunk]);
      end if;
      return null;
    end $$`);
  await runner.query(`
    create constraint trigger move_strengthens after update on shards deferrable initially deferred for each row
    when (old.blob <> new.blob) execute function move_strengthens()`);
  await runner.query(`
    create function spread_weakens() returns trigger language plpgsql as $$
    begin
      perform recount_chunks(array[new.account], array[new.content], array[new.index]);
      return null;
    end $$`);
  await runner.query(`
    create constraint trigger spread_weakens after update on chunks deferrable initially deferred for each row
    when (old.data is distinct from new.data or old.parity is distinct from new.parity)
    execute function spread_weakens()`);
  await runner.query(`
    create function end_forgets_weak() returns trigger language plpgsql as $$
    begin
      delete from weak_chunks where account = new.account and content = new.id;
      return null;
    end $$`);
  await runner.query(`
    create trigger end_forgets_weak after update of state on contents for each row
    when (old.state = 'published' and new.state <> 'published') execute function end_forgets_weak()`);
}
