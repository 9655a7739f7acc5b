import type pg from 'pg';
import type { QueryResultRow } from 'pg';

/** Values as pg takes them: Buffer for bytea, Date for timestamptz, arrays for arrays, plain objects for json. */
export type Values = readonly unknown[];

/**
 * Statements on one connection. int8 comes back as a number (and throws beyond the safe integers), bytea as Buffer,
 * timestamptz as Date, numeric as text: cast a sum to bigint.
 */
export interface Sql {
  query<Row extends QueryResultRow>(text: string, values?: Values): Promise<Row[]>;
  /** Like query, planned once for each connection under this name: for hot statements. One name, one text. */
  prepared<Row extends QueryResultRow>(name: string, text: string, values?: Values): Promise<Row[]>;
  /** How many rows the statement touched. */
  execute(text: string, values?: Values): Promise<number>;
}

/** Statements on a connection that a program opened for itself. */
export function sqlOn(client: pg.Client): Sql {
  const run = <Row extends QueryResultRow>(query: pg.QueryConfig): Promise<pg.QueryResult<Row>> => client.query(query);
  return {
    query: async <Row extends QueryResultRow>(text: string, values?: Values) =>
      (await run<Row>({ text, values: values as unknown[] })).rows,
    prepared: async <Row extends QueryResultRow>(name: string, text: string, values?: Values) =>
      (await run<Row>({ name, text, values: values as unknown[] })).rows,
    execute: async (text, values) => (await run({ text, values: values as unknown[] })).rowCount ?? 0,
  };
}
