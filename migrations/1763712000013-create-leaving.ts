import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A connection's generation counts up with what every gateway must notice: whoever has it open under an older one lets it
 * go. Keys that were destroyed a moment ago are looked for each second, so that no gateway goes on with a copy in memory.
 */
export class CreateLeaving1763712000013 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table connections add column generation bigint not null default 1`);
    await runner.query(
      `create index account_keys_destroyed on account_keys (destroyed_at) where destroyed_at is not null`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop index account_keys_destroyed`);
    await runner.query(`alter table connections drop column generation`);
  }
}
