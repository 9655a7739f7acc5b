import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * An operator is told of the gateway itself, too: that there is no backup of late. Such an alert is about no connection, and
 * stands in its own row until it is over; there is one of a kind at a time, whoever sees it.
 */
export class TellOfBackups1763712000063 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table alerts drop constraint alerts_condition_check`);
    await runner.query(
      `alter table alerts alter connection drop not null, add column over boolean not null default false`,
    );
    await runner.query(`
      alter table alerts
        add constraint alerts_condition_check
          check (condition in ('alarm', 'failing', 'full', 'losses', 'needs-reconnect', 'backup-overdue')),
        add constraint alerts_about check ((connection is null) = (condition = 'backup-overdue'))`);
    await runner.query(
      `create unique index alerts_standing on alerts (condition) where connection is null and raised and not over`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`delete from alerts where connection is null`);
    await runner.query(`drop index alerts_standing`);
    await runner.query(`alter table alerts drop constraint alerts_about, drop constraint alerts_condition_check`);
    await runner.query(`alter table alerts drop column over, alter connection set not null`);
    await runner.query(`
      alter table alerts add constraint alerts_condition_check
        check (condition in ('alarm', 'failing', 'full', 'losses', 'needs-reconnect'))`);
  }
}
