import { runMigrations } from 'graphile-worker';
import type { Pool } from 'pg';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What was asked for and takes long. This table is the truth of it; the rows of graphile-worker, which it deletes when it
 * has delivered them, only wake a gateway up. A job knows ids and nothing else, so that no dump or log of it tells more.
 */
export class CreateJobs1763712000012 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await installQueue(runner);
    await runner.query(`
      create table jobs (
        id uuid primary key,
        kind text not null check (kind ~ '^[a-z]+(-[a-z]+)*$'),
        account uuid,
        ids jsonb not null check (ids::text ~ '^\\{("[A-Za-z]+": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"(, )?)*\\}$'),
        state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed', 'cancelled')),
        done bigint not null default 0 check (done >= 0),
        total bigint check (total >= 0),
        note text,
        error text,
        attempts integer not null default 0,
        gateway uuid,
        token bigint,
        cancelled_at timestamptz,
        next_at timestamptz not null default now(),
        created_at timestamptz not null default now(),
        ended_at timestamptz,
        check ((state = 'running') = (gateway is not null)),
        check ((state in ('done', 'failed', 'cancelled')) = (ended_at is not null))
      )`);
    await runner.query(`create index jobs_of_account on jobs (account, id)`);
    await runner.query(`create index jobs_alive on jobs (next_at) where ended_at is null`);
    await runner.query(`create index jobs_ended on jobs (ended_at) where ended_at is not null`);
    await runner.query(`create unique index jobs_once on jobs (kind, ids) where ended_at is null`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table jobs`);
    await runner.query(`drop schema graphile_worker cascade`);
  }
}

/** On a connection of its own, since it commits by itself; doing it twice changes nothing. */
async function installQueue(runner: QueryRunner): Promise<void> {
  const { master } = runner.connection.driver as unknown as { master: Pool };
  const hear = (): void => {};
  for (const event of ['error', 'connect'] as const) master.on(event, hear);
  try {
    await runMigrations({ pgPool: master });
  } finally {
    for (const event of ['error', 'connect'] as const) master.off(event, hear);
  }
}
