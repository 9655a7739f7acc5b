import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What fails together counts once: a vault that was brought to another disk may share its domain with one that holds
 * another shard of the same chunk. A connection whose domain has changed is counted anew, by upkeep. Going back leaves the
 * function as it is: it counts the same where no two shards share a domain.
 */
export class CountDomains1763712000052 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create or replace function recount_chunks(accounts uuid[], ids uuid[], places integer[]) returns void language plpgsql
      set plan_cache_mode = 'force_generic_plan' set join_collapse_limit = 1 set enable_hashjoin = off
      set enable_mergejoin = off set enable_material = off set enable_seqscan = off set enable_bitmapscan = off as $$
      declare
        one record;
        needed integer;
        meant integer;
        losses integer;
      begin
        for one in select distinct * from unnest(accounts, ids, places) as t(account, content, chunk) order by 1, 2, 3 loop
          select coalesce(k.data, c.data), coalesce(k.parity, c.parity) into needed, meant
          from contents c join chunks k on k.account = one.account and k.content = one.content and k.index = one.chunk
          where c.account = one.account and c.id = one.content and c.state = 'published';
          continue when not found;
          insert into weak_chunks (account, content, chunk, survives) values (one.account, one.content, one.chunk, 0)
          on conflict (account, content, chunk) do update set survives = weak_chunks.survives;
          -- Places are lost whole, the fullest first: nothing worse can happen.
          select case when coalesce(sum(held), 0) < needed then -1 else count(*) filter (where lasting >= needed) end into losses
          from (
            select held, sum(held) over () - sum(held) over (order by held desc, domain) as lasting from (
              select k.domain, count(*) as held from standing_shards s join connections k on k.id = s.connection
              where s.account = one.account and s.content = one.content and s.chunk = one.chunk group by k.domain) as domains
          ) as falling;
          if losses >= meant then
            delete from weak_chunks where account = one.account and content = one.content and chunk = one.chunk;
          else
            update weak_chunks set survives = losses
            where account = one.account and content = one.content and chunk = one.chunk;
          end if;
        end loop;
      end $$`);
    await runner.query(`
      create function domain_counts() returns trigger language plpgsql as $$
      begin
        new.counted_out := null;
        new.counting_out := null;
        return new;
      end $$`);
    await runner.query(`
      create trigger domain_counts before update of domain on connections for each row
      when (old.domain <> new.domain) execute function domain_counts()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop trigger domain_counts on connections`);
    await runner.query(`drop function domain_counts()`);
  }
}
