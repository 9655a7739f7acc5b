import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * When a blob was last seen in a listing, and since when it is missed there; what a marker of this database may say at
 * most, noted before it is written; and on which disk or host it was written.
 */
export class NoteListings1763712000049 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table blobs add column listed_at timestamptz, add column unlisted_at timestamptz`);
    await runner.query(
      `create index blobs_faulty_here on blobs (connection) where fault is not null and state = 'live'`,
    );
    await runner.query(`alter table connections add column marking_sequence bigint, add column marked_on text`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table connections drop column marking_sequence, drop column marked_on`);
    await runner.query(`drop index blobs_faulty_here`);
    await runner.query(`alter table blobs drop column listed_at, drop column unlisted_at`);
  }
}
