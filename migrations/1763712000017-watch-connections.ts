import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a connection moved and how it fared, by the hour, and since when it fails: seen by all gateways, so that health is one. */
export class WatchConnections1763712000017 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table connection_hours (
        connection uuid not null,
        hour timestamptz not null,
        requests bigint not null default 0,
        failures bigint not null default 0,
        throttles bigint not null default 0,
        up bigint not null default 0,
        down bigint not null default 0,
        primary key (connection, hour)
      )`);
    await runner.query(`create index connection_hours_by_hour on connection_hours (hour)`);
    await runner.query(`
      alter table connections
        add failing_since timestamptz,
        add failures integer not null default 0,
        add looked_at timestamptz`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`alter table connections drop looked_at, drop failures, drop failing_since`);
    await runner.query(`drop table connection_hours`);
  }
}
