import type pg from 'pg';

export interface RowPlace {
  readonly table: string;
  readonly where: string;
}

/** What a column is set to, in SQL. */
export interface Lie {
  readonly says: string;
  readonly sql: string;
}

/** For each type of column, what it could say instead of the truth, which is called `it`. */
const LIES: Readonly<Record<string, readonly string[]>> = {
  uuid: ['gen_random_uuid()', `'00000000-0000-0000-0000-000000000000'`],
  bytea: [
    'set_bit(it, 0, 1 - get_bit(it, 0))',
    'set_byte(it, octet_length(it) - 1, 255 - get_byte(it, octet_length(it) - 1))',
    'substring(it from 1 for octet_length(it) - 1)',
    `it || '\\x00'::bytea`,
    `''::bytea`,
    `decode(repeat('00', octet_length(it)), 'hex')`,
  ],
  integer: ['it + 1', 'it - 1', 'it + 1000', '0', '2147483647'],
  smallint: ['it + 1', '0', '32767'],
  bigint: ['it + 1', 'it - 1', '0', '1', 'it + 4096', '9223372036854775807'],
  text: [`''`, `'x'`, `it || 'x'`, `'text/html'`, ...states().map((state) => `'${state}'`)],
  'timestamp with time zone': [
    `it + interval '1 millisecond'`,
    `it - interval '1 year'`,
    `'infinity'`,
    `'-infinity'`,
    `'294276-01-01'`,
    `'4713-01-01 BC'`,
    'now()',
  ],
};

function states(): string[] {
  return ['intended', 'condemned', 'gone', 'open', 'published', 'abandoned', 'erased', 'folder'];
}

export interface Column {
  readonly table: string;
  readonly column: string;
  readonly lies: readonly Lie[];
}

/** Every column of the tables, as the database has them, each with lies that fit its type. */
export async function columnsOf(database: pg.Client, tables: readonly string[]): Promise<Column[]> {
  const { rows } = await database.query<{ table_name: string; column_name: string; data_type: string }>(
    `select table_name, column_name, data_type from information_schema.columns
     where table_schema = 'public' and table_name = any($1) order by table_name, ordinal_position`,
    [tables],
  );
  return rows.map(({ table_name: table, column_name: column, data_type }) => {
    const neighbours = `(select n."${column}" from ${table} n where n."${column}" <> it limit 1)`;
    const says = [...(LIES[data_type] ?? []), neighbours, 'null'];
    return { table, column, lies: says.map((lie) => ({ says: lie, sql: lie.replace(/\bit\b/g, `t."${column}"`) })) };
  });
}

/**
 * Sets a column to a lie, foreign keys and triggers switched off, and puts the truth back after `look`. False where the
 * database refused it, or it was the truth already.
 */
export async function lying(
  database: pg.Client,
  { table, where }: RowPlace,
  lie: { column: string; sql: string },
  look: () => Promise<void>,
): Promise<boolean> {
  const column = `"${lie.column}"`;
  const truth = await database.query<{ text: string | null }>(
    `select ${column}::text as text from ${table} t where ${where}`,
  );
  if (truth.rows.length !== 1) throw new Error(`${table} where ${where} are ${truth.rows.length} rows`);
  const changed = await database
    .query<{ part: string; key: Record<string, unknown> }>(
      `update ${table} t set ${column} = ${lie.sql} where ${where} and (${lie.sql}) is distinct from t.${column}
       returning t.tableoid::text as part, to_jsonb(t) as key`,
    )
    .catch((error: { code?: string }) => {
      // A check, a type or a not-null constraint holds even against a superuser.
      if (/^(23|22)/.test(error.code ?? '')) return null;
      throw error;
    });
  const row = changed?.rows[0];
  if (!row) return false;
  // A reader may write down what it found while it looks: the row is known by its key as it is now.
  const keys = await keyOf(database, table);
  const putBack = async (): Promise<void> => {
    const back = await database.query(
      `update ${table} t set ${column} = (select ($1::text)::${await typeOf(database, table, lie.column)})
       where t.tableoid = $2::oid and ${keys.map((key, nth) => `t."${key}"::text = $${nth + 3}`).join(' and ')}`,
      [truth.rows[0]!.text, row.part, ...keys.map((key) => String(row.key[key]))],
    );
    if (back.rowCount !== 1) throw new Error(`The truth of ${table}.${lie.column} could not be put back`);
  };
  await look().finally(putBack);
  return true;
}

async function keyOf(database: pg.Client, table: string): Promise<string[]> {
  const { rows } = await database.query<{ column: string }>(
    `select a.attname as column from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
     where i.indrelid = $1::regclass and i.indisprimary`,
    [table],
  );
  return rows.map((row) => row.column);
}

async function typeOf(database: pg.Client, table: string, column: string): Promise<string> {
  const { rows } = await database.query<{ type: string }>(
    `select format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = $1::regclass and attname = $2`,
    [table, column],
  );
  return rows[0]!.type;
}
