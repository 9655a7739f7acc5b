import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An operator is told of pieces that are missing or damaged on a connection. */
export class TellOfLosses1763712000050 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table alerts drop constraint alerts_condition_check`);
    await runner.query(`
      alter table alerts add constraint alerts_condition_check
        check (condition in ('alarm', 'failing', 'full', 'losses', 'needs-reconnect'))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`delete from alerts where condition = 'losses'`);
    await runner.query(`update connections set alerted = array_remove(alerted, 'losses')`);
    await runner.query(`alter table alerts drop constraint alerts_condition_check`);
    await runner.query(`
      alter table alerts add constraint alerts_condition_check
        check (condition in ('alarm', 'failing', 'full', 'needs-reconnect'))`);
  }
}
