import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startDatabase, type TestDatabase } from '../../test/support/database.js';
import { TransactionAborted, TransactionConflict, violates } from './index.js';

let test_: TestDatabase;
beforeAll(async () => {
  test_ = await startDatabase();
  await test_.database.execute('CREATE TABLE pebbles (id bigint PRIMARY KEY, weight bigint NOT NULL)');
});
afterAll(() => test_?.stop());
beforeEach(() => test_.database.execute('TRUNCATE pebbles'));

const weights = async () =>
  (await test_.database.query<{ weight: number }>('SELECT weight FROM pebbles ORDER BY id')).map((row) => row.weight);

describe('a transaction', () => {
  test('commits what the work did', async () => {
    await test_.database.tx(async (sql) => {
      await sql.query('INSERT INTO pebbles VALUES ($1, $2)', [1, 10]);
      expect(await sql.execute('UPDATE pebbles SET weight = 11')).toBe(1);
    });
    expect(await weights()).toEqual([11]);
  });

  test('undoes all of it when the work throws, and passes the error on', async () => {
    const broken = new Error('broken');
    const attempt = test_.database.tx(async (sql) => {
      await sql.query('INSERT INTO pebbles VALUES (1, 10)');
      throw broken;
    });
    await expect(attempt).rejects.toBe(broken);
    expect(await weights()).toEqual([]);
  });

  test('does not call a swallowed failure a success', async () => {
    const attempt = test_.database.tx(async (sql) => {
      await sql.query('INSERT INTO pebbles VALUES (1, 10)');
      await sql.query('INSERT INTO pebbles VALUES (1, 10)').catch(() => {});
    });
    await expect(attempt).rejects.toBeInstanceOf(TransactionAborted);
    expect(await weights()).toEqual([]);
  });
});

void TransactionConflict;
void violates;
