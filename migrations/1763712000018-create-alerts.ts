import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an operator is told of connections: a row for each change, sent by a job. `alerted` is what was told and still holds. */
export class CreateAlerts1763712000018 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table connections add alerted text[] not null default '{}'`);
    await runner.query(`
      create table alerts (
        id uuid primary key,
        connection uuid not null references connections on delete cascade,
        condition text not null check (condition in ('alarm', 'failing', 'full', 'needs-reconnect')),
        raised boolean not null,
        created_at timestamptz not null default now(),
        delivered_at timestamptz
      )`);
    await runner.query(`create index alerts_by_time on alerts (created_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table alerts`);
    await runner.query(`alter table connections drop alerted`);
  }
}
