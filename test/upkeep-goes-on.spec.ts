import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sweep } from '../src/upkeep/index.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { inside, intruder } from './support/inside.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway?.stop());

const query = async (text: string, values: unknown[] = []) => {
  await using database = await intruder(gateway);
  return (await database.query<Record<string, unknown>>(text, values)).rows;
};

describe('a sweep', () => {
  it('settles the other dead gateways although one cannot be', async () => {
    const [first, second] = [randomUUID(), randomUUID()];
    await query(`insert into gateways (id, alive_until) values ($1, now() - interval '1 hour'), ($2, now())`, [
      first,
      second,
    ]);
    await query(`create function stays() returns trigger language plpgsql as $$ begin raise 'it stays'; end $$`);
    await query(`create trigger stays before delete on gateways for each row
      when (old.id = '${first}') execute function stays()`);
    await inside(gateway, Sweep).run();
    const left = await query(`select id from gateways where id in ($1, $2)`, [first, second]);
    expect(left).toEqual([{ id: first }]);
    await query(`drop trigger stays on gateways`);
    await inside(gateway, Sweep).run();
    expect(await query(`select id from gateways where id = $1`, [first])).toEqual([]);
  });

  it('takes as many looks for deleted blobs as are due, and forgets those that two did not show', async () => {
    const [account] = await query('select id from accounts');
    const [vault] = await query('select id from connections');
    await query(
      `insert into blobs (account, id, connection, name, length, state, looked_at)
       select $1, gen_random_uuid(), $2, translate(substr(md5(n::text) || md5(n::text), 1, 26), '0189', 'wxyz'), 10,
         'gone', now() - interval '1 year' from generate_series(1, 900) n`,
      [account!['id'], vault!['id']],
    );
    await inside(gateway, Sweep).run();
    expect(await query(`select absent_looks, count(*)::int from blobs group by 1`)).toEqual([
      { absent_looks: 1, count: 900 },
    ]);
    await query(`update blobs set looked_at = now() - interval '1 year'`);
    await inside(gateway, Sweep).run();
    expect(await query('select 1 from blobs')).toEqual([]);
  });
});
