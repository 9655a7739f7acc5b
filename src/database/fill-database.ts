import type { PoolConfig } from 'pg';
import type { DataSource } from 'typeorm';
import { loadMigrations, locked, UNFINISHED_RESTORE } from './migrations.js';
import { connect, untilItAnswers } from './open-database.js';

const OPTIONS = { connections: 2, waitSeconds: 10 };
const PATIENCE_MS = 10_000;

/** The migrations of this version of the code, in their order. */
export async function knownMigrations(): Promise<string[]> {
  return (await loadMigrations()).map(({ name }) => name);
}

/** `empty`: nobody ever made a table there. `unfinished`: a restore began and did not end. `used`: anything else. */
export type Target = 'empty' | 'unfinished' | 'used';

export async function lookAtTarget(connection: PoolConfig): Promise<Target> {
  await untilItAnswers(connection, PATIENCE_MS);
  return withDataSource(connection, undefined, targetOf);
}

/**
 * Fills an empty database, or one in which a restore did not end: makes the tables as they were after `migrations`, has
 * them filled, runs the later migrations, has the rows looked after, and only then takes away the mark under which no gateway starts.
 */
export async function fillDatabase(
  connection: PoolConfig,
  migrations: ReadonlySet<string>,
  work: { fill(): Promise<void>; finish(): Promise<void> },
): Promise<void> {
  await locked(connection, async () => {
    await withDataSource(connection, undefined, async (dataSource) => {
      if ((await targetOf(dataSource)) === 'unfinished') await dropAll(dataSource);
      await dataSource.query(`create table if not exists ${UNFINISHED_RESTORE} (began_at timestamptz default now())`);
    });
    await withDataSource(connection, migrations, (dataSource) => dataSource.runMigrations({ transaction: 'each' }));
    await work.fill();
    await withDataSource(connection, undefined, (dataSource) => dataSource.runMigrations({ transaction: 'each' }));
    await work.finish();
  });
}

async function targetOf(dataSource: DataSource): Promise<Target> {
  const tables = (await dataSource.query(
    `select relname as name from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'S')`,
  )) as { name: string }[];
  if (tables.some(({ name }) => name === UNFINISHED_RESTORE)) return 'unfinished';
  return tables.length === 0 ? 'empty' : 'used';
}

/** What a restore that did not end has left: nothing but its own. */
async function dropAll(dataSource: DataSource): Promise<void> {
  const found = (await dataSource.query(`
    select 1 as turn, 'drop view if exists ' || oid::regclass || ' cascade' as statement from pg_class
    where relnamespace = current_schema()::regnamespace and relkind = 'v'
    union all
    select 2, 'drop table if exists ' || oid::regclass || ' cascade' from pg_class
    where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') and not relispartition
      and relname <> '${UNFINISHED_RESTORE}'
    union all
    select 3, 'drop sequence if exists ' || oid::regclass || ' cascade' from pg_class
    where relnamespace = current_schema()::regnamespace and relkind = 'S'
    union all
    select 4, 'drop function if exists ' || p.oid::regprocedure || ' cascade' from pg_proc p
    where pronamespace = current_schema()::regnamespace
      and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    order by 1`)) as { statement: string }[];
  for (const { statement } of found) await dataSource.query(statement);
  await dataSource.query('drop schema if exists graphile_worker cascade');
}

async function withDataSource<T>(
  connection: PoolConfig,
  only: ReadonlySet<string> | undefined,
  work: (dataSource: DataSource) => Promise<T>,
): Promise<T> {
  const dataSource = await connect(connection, OPTIONS, only);
  try {
    return await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}
