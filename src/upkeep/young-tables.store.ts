import type { Sql } from '../database/index.js';

/**
 * Lets the planner look at tables that grew before anybody looked at them. Postgres does so by itself, but only after a
 * minute or more, in which a first large upload of many files would be planned as if the tables were empty.
 */
export async function analyzeYoungTables(sql: Sql): Promise<number> {
  const tables = await sql.query<{ name: string }>(
    `select quote_ident(schemaname) || '.' || quote_ident(relname) as name from pg_stat_user_tables
     where n_mod_since_analyze > 500 and last_analyze is null and last_autoanalyze is null`,
  );
  for (const { name } of tables) await sql.query(`analyze ${name}`);
  return tables.length;
}
