import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Some providers hand out the ids of what will be stored, so that a repeated create cannot make a second one: these are names of blobs, too. */
export class LetProvidersNameBlobs1763712000009 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table blobs drop constraint blobs_name_check`);
    await runner.query(`alter table blobs add constraint blobs_name_check check (name ~ '^[A-Za-z0-9_-]{16,64}$')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table blobs drop constraint blobs_name_check`);
    await runner.query(`alter table blobs add constraint blobs_name_check check (name ~ '^[a-z2-7]{26}$')`);
  }
}
