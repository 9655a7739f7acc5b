import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * An account that is being deleted, and how far each of its own clouds is: emptied, then its consent withdrawn, then its
 * credentials destroyed. `settled_at` is an admin's word to end it without what cannot be reached.
 */
export class CreatePurges1763712000014 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table purges (
        account uuid primary key references accounts,
        began_by uuid not null,
        began_at timestamptz not null default now(),
        settled_at timestamptz,
        blobs bigint not null default 0,
        ended_at timestamptz
      )`);
    await runner.query(`
      create table purge_places (
        account uuid not null references purges,
        connection uuid not null references connections,
        emptied_at timestamptz,
        consent text,
        unreached boolean not null default false,
        forgotten_at timestamptz,
        primary key (account, connection)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table purge_places`);
    await runner.query(`drop table purges`);
  }
}
