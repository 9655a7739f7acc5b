import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Chunks that are spread otherwise than their content says are few, and looked for each time a spread is applied. */
export class FindMixedSpreads1763712000045 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create index chunks_spread_anew on chunks (account, content) where data is not null`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop index chunks_spread_anew`);
  }
}
