import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who gave a connection up by hand: it counts again when they say so, and not when it happens to answer. */
export class GiveUpByHand1763712000041 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table connections add column given_up_by uuid`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table connections drop column given_up_by`);
  }
}
