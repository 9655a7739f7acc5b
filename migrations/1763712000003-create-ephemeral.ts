import type { MigrationInterface, QueryRunner } from 'typeorm';

/** State that may vanish with a crash is not logged; the sequence that orders lock holders is, so that it never goes back. */
export class CreateEphemeral1763712000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE UNLOGGED TABLE ephemeral_values (
        key text PRIMARY KEY CHECK (octet_length(key) <= 512),
        value jsonb NOT NULL,
        expires_at timestamptz NOT NULL
      )`);
    await runner.query(`CREATE INDEX ephemeral_values_by_expiry ON ephemeral_values (expires_at)`);
    await runner.query(`
      CREATE UNLOGGED TABLE ephemeral_counters (
        key text PRIMARY KEY CHECK (octet_length(key) <= 512),
        count bigint NOT NULL CHECK (count > 0),
        expires_at timestamptz NOT NULL
      )`);
    await runner.query(`CREATE INDEX ephemeral_counters_by_expiry ON ephemeral_counters (expires_at)`);
    await runner.query(`
      CREATE UNLOGGED TABLE ephemeral_locks (
        name text PRIMARY KEY CHECK (octet_length(name) <= 512),
        token bigint NOT NULL,
        expires_at timestamptz NOT NULL
      )`);
    await runner.query(`CREATE INDEX ephemeral_locks_by_expiry ON ephemeral_locks (expires_at)`);
    await runner.query(`CREATE SEQUENCE fencing_tokens AS bigint`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP SEQUENCE fencing_tokens`);
    await runner.query(`DROP TABLE ephemeral_locks`);
    await runner.query(`DROP TABLE ephemeral_counters`);
    await runner.query(`DROP TABLE ephemeral_values`);
  }
}
