import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Finding files among a million. Names are indexed by their letters and pairs of letters, lower-case, so that any part of a
 * name is found by index, of one letter too and in any script; pg_trgm needs three, and somebody who may install it. Each
 * gram begins with digits of its account, so that nobody's search reads through what others have. What versions are
 * found by is indexed for the newest ones alone.
 */
export class IndexSearch1763712000032 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await makeGrams(runner);
    await runner.query(
      `create index nodes_by_gram on nodes using gin (name_grams(account, lower(name_key collate "default")))`,
    );
    await runner.query(
      `create index nodes_by_name on nodes (account, (lower(name_key collate "default") collate "C"), id)
       where trashed_at is null`,
    );
    await runner.query(
      `create index nodes_folders on nodes (account, (lower(name_key collate "default") collate "C"), id)
       where trashed_at is null and kind = 'folder'`,
    );
    for (const column of ['modified_at', 'size', 'content_type collate "C"']) {
      const name = `versions_by_${column.split(' ')[0]}`;
      await runner.query(`create index ${name} on versions (account, ${column}, id) where superseded_at is null`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const column of ['modified_at', 'size', 'content_type'])
      await runner.query(`drop index versions_by_${column}`);
    await runner.query(`drop index nodes_folders`);
    await runner.query(`drop index nodes_by_name`);
    await runner.query(`drop index nodes_by_gram`);
    await runner.query(`drop function name_grams(uuid, text), wanted_grams(uuid, text)`);
  }
}

/** What a name is found by; and what of it a search asks for: a pair says more than its two letters. */
async function makeGrams(runner: QueryRunner): Promise<void> {
  await runner.query(`
    create function wanted_grams(account uuid, part text) returns text[] language plpgsql immutable strict parallel safe as $$
    declare
      letters text[] := string_to_array(part, null);
      whose text := right(account::text, 8);
    begin
      if cardinality(letters) = 1 then return array[whose || part]; end if;
      return array(select whose || letters[i] || letters[i + 1] from generate_series(1, cardinality(letters) - 1) i);
    end $$`);
  await runner.query(`
    create function name_grams(account uuid, name text) returns text[] language plpgsql immutable strict parallel safe as $$
    declare
      letters text[] := string_to_array(name, null);
      whose text := right(account::text, 8);
    begin
      return array(
        select whose || letters[i] from generate_series(1, cardinality(letters)) i
        union all select whose || letters[i] || letters[i + 1] from generate_series(1, cardinality(letters) - 1) i);
    end $$`);
}
