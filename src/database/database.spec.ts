import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase } from '../../test/support/database.js';
import { startPostgresProxy, type PostgresProxy } from '../../test/support/postgres-proxy.js';
import {
  CommitUnknown,
  Database,
  DatabaseAway,
  DatabaseBusy,
  RowUnreadable,
  type Sql,
  TransactionAborted,
  TransactionConflict,
  violates,
} from './index.js';
import { connect } from './open-database.js';

let place: Awaited<ReturnType<typeof createDatabase>>;
let proxy: PostgresProxy;
let database: Database;

const open = async (url: string, connections = 10, waitSeconds = 10) => {
  const connection = { connectionString: url };
  return new Database(await connect(connection, { connections, waitSeconds }), connection);
};

beforeAll(async () => {
  place = await createDatabase({ migrated: false });
  proxy = await startPostgresProxy(place.url);
  database = await open(place.url);
  await database.execute(
    'CREATE TABLE pebbles (id bigint PRIMARY KEY, weight bigint NOT NULL CONSTRAINT heavy CHECK (weight > 0))',
  );
});
afterAll(async () => {
  await database?.close();
  await proxy?.stop();
  await place?.drop();
});
beforeEach(() => database.execute('TRUNCATE pebbles'));

const weights = async () =>
  (await database.query<{ weight: number }>('SELECT weight FROM pebbles ORDER BY id')).map((row) => row.weight);
const add = (sql: Sql, id = 1, weight = 10) => sql.execute('INSERT INTO pebbles VALUES ($1, $2)', [id, weight]);

describe('a transaction', () => {
  test('commits what the work did, and returns its result', async () => {
    const touched = await database.tx(async (sql) => {
      await add(sql);
      return sql.execute('UPDATE pebbles SET weight = 11');
    });
    expect(touched).toBe(1);
    expect(await weights()).toEqual([11]);
  });

  test('undoes all of it when the work throws, and passes the error on', async () => {
    const broken = new Error('broken');
    const attempt = database.tx(async (sql) => {
      await add(sql);
      throw broken;
    });
    await expect(attempt).rejects.toBe(broken);
    expect(await weights()).toEqual([]);
  });

  test('tells which constraint refused', async () => {
    const error: unknown = await database.tx((sql) => add(sql, 1, 0)).catch((thrown: unknown) => thrown);
    expect([violates(error), violates(error, 'heavy'), violates(error, /^h.*y$/)]).toEqual([true, true, true]);
    expect([violates(error, 'pebbles_pkey'), violates(error, /_pkey$/)]).toEqual([false, false]);
  });

  test('does not call a swallowed failure a success', async () => {
    const attempt = database.tx(async (sql) => {
      await add(sql);
      await add(sql).catch(() => {});
    });
    await expect(attempt).rejects.toBeInstanceOf(TransactionAborted);
    expect(await weights()).toEqual([]);
  });

  test('reports what only COMMIT finds out', async () => {
    await database.execute('CREATE TABLE notes (pebble bigint REFERENCES pebbles DEFERRABLE INITIALLY DEFERRED)');
    const error: unknown = await database
      .tx((sql) => sql.execute('INSERT INTO notes VALUES (404)'))
      .catch((thrown: unknown) => thrown);
    await database.execute('DROP TABLE notes');
    expect(violates(error, 'notes_pebble_fkey')).toBe(true);
  });

  test('takes no statement after its end', async () => {
    const sql = await database.tx((inner) => Promise.resolve(inner));
    await expect(sql.query('SELECT 1')).rejects.toThrow('after the end');
  });

  test('runs in the isolation asked for', async () => {
    const isolation = await database.tx(
      (sql) => sql.query<{ level: string }>(`SELECT current_setting('transaction_isolation') AS level`),
      {
        isolation: 'serializable',
      },
    );
    expect(isolation).toEqual([{ level: 'serializable' }]);
  });
});

describe('transactions that collide', () => {
  const increment = async (sql: Sql) => {
    const [row] = await sql.query<{ weight: number }>('SELECT weight FROM pebbles WHERE id = 1');
    await sql.execute('UPDATE pebbles SET weight = $1 WHERE id = 1', [row!.weight + 1]);
  };

  test('are run again until each has counted', async () => {
    await add(database);
    await Promise.all(
      Array.from({ length: 8 }, () => database.tx(increment, { isolation: 'serializable', retries: 50 })),
    );
    expect(await weights()).toEqual([18]);
  });

  test('are run as often as asked, and then refused', async () => {
    let runs = 0;
    const attempt = database.tx(
      async (sql) => {
        runs += 1;
        await add(sql, runs);
        await sql.query(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40P01'; END $$`);
      },
      { retries: 2 },
    );
    await expect(attempt).rejects.toBeInstanceOf(TransactionConflict);
    expect(runs).toBe(3);
    expect(await weights()).toEqual([]);
  });
});

describe('a connection that is lost', () => {
  let far: Database;
  beforeAll(async () => {
    far = await open(proxy.url, 2);
  });
  afterAll(() => far?.close());

  test.each([
    ['before Postgres has seen COMMIT', 'before', []],
    ['after Postgres has answered COMMIT', 'after', [10]],
  ] as const)('%s leaves it unknown what holds', async (_name, when, expected) => {
    const attempt = far.tx(async (sql) => {
      await add(sql);
      proxy.cutAt('COMMIT\0', when);
    });
    await expect(attempt).rejects.toBeInstanceOf(CommitUnknown);
    expect(await weights()).toEqual(expected);
    await far.check();
  });

  test('before COMMIT has applied nothing, and the next attempt works', async () => {
    proxy.cutAt('INSERT', 'after');
    await expect(far.tx((sql) => add(sql))).rejects.toBeInstanceOf(DatabaseAway);
    expect(await weights()).toEqual([]);
    await far.tx((sql) => add(sql));
    expect(await weights()).toEqual([10]);
  });

  test('between two statements does not end the process', async () => {
    const attempt = far.tx(async (sql) => {
      await add(sql);
      proxy.close();
      await new Promise((resolve) => setImmediate(resolve));
      await add(sql, 2);
    });
    await expect(attempt).rejects.toBeInstanceOf(DatabaseAway);
    await expect(far.check()).rejects.toBeInstanceOf(DatabaseAway);
    proxy.open();
    await far.check();
  });

  test('because Postgres ended it is told the same way', async () => {
    const attempt = far.tx(async (sql) => {
      await add(sql);
      const [row] = await sql.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await database.query('SELECT pg_terminate_backend($1, 5000)', [row!.pid]);
      await add(sql, 2);
    });
    await expect(attempt).rejects.toBeInstanceOf(DatabaseAway);
    expect(await weights()).toEqual([]);
    await far.check();
  });

  test('is no word about an error of the work’s own that looks like one', async () => {
    const own = Object.assign(new Error('no such file'), { code: 'ENOENT' });
    await expect(far.tx(() => Promise.reject(own))).rejects.toBe(own);
  });
});

describe('a pool that is used up', () => {
  let small: Database;
  beforeAll(async () => {
    small = await open(place.url, 2, 0.1);
  });
  afterAll(() => small?.close());

  test('lets wait for a while, then says so, and is whole afterwards', async () => {
    let letGo = () => {};
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const holders = [1, 2].map(() => small.tx(() => gate));
    const waiters = await Promise.allSettled(Array.from({ length: 198 }, () => small.check()));
    expect(waiters.every((one) => one.status === 'rejected' && one.reason instanceof DatabaseBusy)).toBe(true);
    letGo();
    await Promise.all(holders);
    await Promise.all(Array.from({ length: 20 }, () => small.check()));
  });

  test('does not let a queue without end wait', async () => {
    let letGo = () => {};
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const holders = [1, 2].map(() => small.tx(() => gate));
    const crowd = Promise.allSettled(Array.from({ length: 200 }, () => small.check()));
    await expect(small.check()).rejects.toBeInstanceOf(DatabaseBusy);
    letGo();
    await Promise.all([crowd, ...holders]);
  });
});

describe('values', () => {
  const read = async (expression: string, values: unknown[] = []) =>
    (await database.query<{ value: unknown }>(`SELECT ${expression} AS value`, values))[0]!.value;

  test.each([
    ['a bigint', '9007199254740991::bigint', Number.MAX_SAFE_INTEGER],
    ['a count', 'count(*)', 1],
    ['an array of bigints', `ARRAY[1, NULL, -3]::bigint[]`, [1, null, -3]],
    ['bytes', `'\\x00ff'::bytea`, Buffer.from([0, 255])],
    ['a time', `'2026-01-02T03:04:05Z'::timestamptz`, new Date('2026-01-02T03:04:05Z')],
    ['json', `'{"a":[1]}'::jsonb`, { a: [1] }],
    ['nothing', 'NULL::bigint', null],
  ])('%s comes back as itself', async (_name, expression, expected) => {
    expect(await read(expression)).toEqual(expected);
  });

  test('a bigint that no number holds is refused, not rounded', async () => {
    await expect(read('9007199254740993::bigint')).rejects.toThrow(RowUnreadable);
    await database.check();
  });

  test.each(['infinity', '-infinity', '294276-01-01'])(
    'the moment %s, which no Date is, is refused',
    async (moment) => {
      await expect(read(`'${moment}'::timestamptz`)).rejects.toThrow(RowUnreadable);
      await database.check();
    },
  );

  test('prepared statements are planned once for a connection', async () => {
    await database.tx(async (sql) => {
      const rows = [];
      for (const weight of [1, 2, 3])
        rows.push(...(await sql.prepared<{ n: number }>('same', 'SELECT $1::bigint AS n', [weight])));
      expect(rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
      expect(await sql.query(`SELECT name FROM pg_prepared_statements WHERE name = 'same'`)).toHaveLength(1);
    });
  });
});
