import { afterAll, beforeAll, expect, test } from 'vitest';
import pg from 'pg';
import { createDatabase } from '../test/support/database.js';
import { migrate, revertLast } from '../src/database/migrations.js';
import { connect, openDatabase } from '../src/database/open-database.js';

let database: Awaited<ReturnType<typeof createDatabase>>;
beforeAll(async () => {
  database = await createDatabase({ migrated: false });
});
afterAll(() => database?.drop());

test('every migration goes up, down again without a trace, and up again', async () => {
  const connection = { connectionString: database.url };
  const dataSource = await connect(connection, { connections: 2, waitSeconds: 10 });
  const names = async () =>
    (
      (await dataSource.query(`
        SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND c.relname NOT LIKE 'migrations%'
          AND c.oid NOT IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'migrations'::regclass)
        UNION SELECT 'function ' || proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
        ORDER BY 1`)) as { name: string }[]
    ).map(({ name }) => name);
  try {
    const applied = await migrate(dataSource, connection);
    expect(applied).toBe(dataSource.migrations.length);
    const built = await names();
    for (let left = applied; left > 0; left -= 1) await revertLast(dataSource, connection);
    expect(await names()).toEqual([]);
    expect(await migrate(dataSource, connection)).toBe(applied);
    expect(await names()).toEqual(built);
  } finally {
    await dataSource.destroy();
  }
});

test('gateways that start at once migrate once', async () => {
  const fresh = await createDatabase({ migrated: false });
  const options = { connections: 2, waitSeconds: 10 };
  try {
    const opened = await Promise.all([1, 2, 3].map(() => openDatabase({ connectionString: fresh.url }, options)));
    await Promise.all(opened.map((one) => one.close()));
  } finally {
    await fresh.drop();
  }
});

test('a database that is newer than the code is refused in one line', async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(`INSERT INTO migrations (timestamp, name) VALUES (9999999999999, 'LiveForever9999999999999')`);
  await client.end();
  await expect(openDatabase({ connectionString: database.url }, { connections: 2, waitSeconds: 10 })).rejects.toThrow(
    /^The database is newer than this version of Tessera \(it knows LiveForever9999999999999\); start the newer version again\.$/,
  );
});
