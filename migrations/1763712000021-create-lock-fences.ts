import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The last fencing token under which a path of an account was locked. Locks themselves are short-lived state; a write looks
 * at them before its transaction, and at this number inside it: when it has moved, a lock came in between. An advisory lock
 * orders the two without a row that all uploads of an account would lock; the function takes it and then reads, each with
 * a snapshot of its own.
 */
export class CreateLockFences1763712000021 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create table lock_fences (account uuid primary key, fence bigint not null)`);
    await runner.query(`
      create function enter_lock_fence(of_account uuid) returns bigint language plpgsql volatile as $$
      begin
        perform pg_advisory_xact_lock_shared(hashtextextended('lock fence ' || of_account, 0));
        return coalesce((select fence from lock_fences where account = of_account), 0);
      end $$`);
    await runner.query(`
      create function raise_lock_fence(of_account uuid, to_fence bigint) returns void language plpgsql volatile as $$
      begin
        perform pg_advisory_xact_lock(hashtextextended('lock fence ' || of_account, 0));
        insert into lock_fences as f (account, fence) values (of_account, to_fence)
          on conflict (account) do update set fence = greatest(f.fence, excluded.fence);
      end $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop function enter_lock_fence(uuid), raise_lock_fence(uuid, bigint)`);
    await runner.query(`drop table lock_fences`);
  }
}
