import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What versions were found by, until then. */
const EARLIER = ['modified_at', 'size', 'content_type collate "C"'];
const COLUMNS = ['head_modified_at', 'head_size', 'head_type collate "C"'];

/**
 * A search that asks for a name and a size, a time or a type, each of which many files meet and few meet together, is quick
 * only where indexes of one table can be cut with each other. So a file's node repeats what its newest version says of these.
 * It is what files are found by; what is shown comes from the version, under its seal.
 */
export class SearchOneTable1763712000058 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Rows that change go into every index anew: the dear ones are made again afterwards instead.
    await runner.query(`drop index nodes_by_gram, nodes_by_name, nodes_folders`);
    await runner.query(
      `alter table nodes add column head_size bigint, add column head_type text, add column head_modified_at timestamptz`,
    );
    // Nothing happened to the files that a program that follows changes would have to hear of.
    await runner.query(`alter table nodes disable trigger note_updates`);
    await runner.query(
      `update nodes n set head_size = v.size, head_type = v.content_type, head_modified_at = v.modified_at
       from versions v where v.account = n.account and v.id = n.head`,
    );
    await runner.query(`alter table nodes enable trigger note_updates`);
    await runner.query(
      `alter table nodes add constraint nodes_head_told
       check (num_nonnulls(head, head_size, head_type, head_modified_at) in (0, 4))`,
    );
    await indexNames(runner);
    for (const column of COLUMNS) {
      const name = `nodes_by_${column.split(' ')[0]}`;
      await runner.query(
        `create index ${name} on nodes (account, ${column}, id) where trashed_at is null and head is not null`,
      );
    }
    for (const column of EARLIER) await runner.query(`drop index versions_by_${column.split(' ')[0]}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const column of EARLIER) {
      const name = `versions_by_${column.split(' ')[0]}`;
      await runner.query(`create index ${name} on versions (account, ${column}, id) where superseded_at is null`);
    }
    await runner.query(`alter table nodes drop column head_size, drop column head_type, drop column head_modified_at`);
  }
}

/** As they were. */
async function indexNames(runner: QueryRunner): Promise<void> {
  const lowerName = `lower(name_key collate "default")`;
  await runner.query(`create index nodes_by_gram on nodes using gin (name_grams(account, ${lowerName}))`);
  await runner.query(
    `create index nodes_by_name on nodes (account, (${lowerName} collate "C"), id) where trashed_at is null`,
  );
  await runner.query(
    `create index nodes_folders on nodes (account, (${lowerName} collate "C"), id)
     where trashed_at is null and kind = 'folder'`,
  );
}
