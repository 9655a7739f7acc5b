import type { QueryRunner } from 'typeorm';

/** Few enough to plan cheaply, enough to spread vacuum and index depth; a database that needs more re-hashes table by table. */
const PARTITIONS = 8;

/** Creates the hash partitions of a table that grows with an account's data. */
export async function createPartitions(runner: QueryRunner, table: string): Promise<void> {
  for (let part = 0; part < PARTITIONS; part++) {
    await runner.query(
      `create table ${table}_p${part} partition of ${table} for values with (modulus ${PARTITIONS}, remainder ${part})`,
    );
  }
}
