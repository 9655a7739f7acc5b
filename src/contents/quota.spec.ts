import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startDatabase, type TestDatabase } from '../../test/support/database.js';
import { GatewayLease } from '../gateways/index.js';
import { QuotaExceeded } from './errors.js';
import { Quota } from './quota.js';
import type { QuotaReservation } from './quota-slab.js';
import { usedBytes } from './quota.store.js';
import { settleSlabsOf } from './settle-slabs.js';

let place: TestDatabase;
let account: string;
let here: Gateway;
let there: Gateway;

interface Gateway {
  readonly quota: Quota;
  readonly lease: GatewayLease;
}

async function startGateway(): Promise<Gateway> {
  const lease = new GatewayLease(place.database);
  await lease.onModuleInit();
  return { lease, quota: new Quota(place.database, lease) };
}

async function newAccount(quota: number | null): Promise<string> {
  const id = randomUUIDv7();
  await place.database.execute(
    `insert into accounts (id, email, email_key, roles, quota_bytes) values ($1::uuid, $3::text, $3::text, '{user}', $2)`,
    [id, quota, `${id}@example.org`],
  );
  await place.database.execute(
    `insert into account_keys (account, id, wrapped, root_epoch) values ($1::uuid, $1::uuid, decode(repeat('00', 72), 'hex'), 1)`,
    [id],
  );
  return id;
}

beforeAll(async () => {
  place = await startDatabase();
  await place.database.execute(
    `insert into root_epochs (epoch, fingerprint) values (1, decode(repeat('00', 32), 'hex'))`,
  );
  here = await startGateway();
  there = await startGateway();
});
afterAll(async () => {
  for (const { lease } of [here, there]) await lease?.onApplicationShutdown();
  await place?.stop();
});
beforeEach(async () => {
  account = await newAccount(1000);
});

/** As a publication does: the content names the slab, which must still be there. */
async function publish(reservation: QuotaReservation, size: number): Promise<void> {
  for (;;) {
    const slab = reservation.slabId;
    const written = await place.database.execute(
      `insert into contents (account, id, state, account_key, wrapped_key, data, parity, size, chunks, manifest_header, quota_slab)
       select $1::uuid, $2::uuid, 'published', $1::uuid, decode(repeat('00', 72), 'hex'), 1, 0, $3::bigint, 0, '', $4::uuid
       where exists (select 1 from quota_slabs where account = $1::uuid and id = $4::uuid for share)`,
      [account, randomUUIDv7(), size, slab],
    );
    if (written === 1) return reservation.spend(size);
    await reservation.renew();
  }
}
const used = () => usedBytes(place.database, account);
const granted = async () => {
  const statement = 'select coalesce(sum(granted), 0)::bigint as granted from quota_slabs where account = $1';
  return (await place.database.query<{ granted: number }>(statement, [account]))[0]!.granted;
};
const refused = (work: Promise<unknown>) => expect(work).rejects.toBeInstanceOf(QuotaExceeded);

describe('a quota', () => {
  it('holds what fits, to the byte, and not a byte more', async () => {
    await publish(await here.quota.reserve(account, 400), 400);
    await publish(await here.quota.reserve(account, 599), 599);
    await refused(here.quota.reserve(account, 2));
    await publish(await here.quota.reserve(account, 1), 1);
    await refused(here.quota.reserve(account, 1));
    await publish(await here.quota.reserve(account, 0), 0);
    expect(await used()).toBe(1000);
  });

  it('counts what is promised until it is given back or spent on less', async () => {
    const first = await here.quota.reserve(account, 700);
    await refused(here.quota.reserve(account, 301));
    first.release();
    first.release();
    const second = await here.quota.reserve(account, 1000);
    await publish(second, 10);
    await publish(await here.quota.reserve(account, 990), 990);
    expect(await used()).toBe(1000);
  });

  it('grows with an upload that does not know its length, and stays what it was when that fails', async () => {
    const growing = await here.quota.reserve(account, 0);
    for (const total of [100, 500, 1000]) await growing.raiseTo(total);
    await refused(here.quota.reserve(account, 1));
    await refused(growing.raiseTo(1001));
    growing.release();
    expect((await here.quota.reserve(account, 1000)).slabId).not.toBeNull();
  });

  it('promises nothing that it was not granted, when others take what was free while it is granted more', async () => {
    const growing = await here.quota.reserve(account, 0);
    const large = here.quota.reserve(account, 200);
    await growing.raiseTo(10);
    await large;
    expect(await granted()).toBeGreaterThanOrEqual(210);
    (await large).release();
    growing.release();
    await refused(here.quota.reserve(account, 1001));
    await publish(await here.quota.reserve(account, 1000), 1000);
    expect(await used()).toBe(1000);
  });

  it('is one for all gateways: what idles in one is given back for the other', async () => {
    const mine = await here.quota.reserve(account, 500);
    await publish(mine, 500);
    await here.quota.returnIdle();
    await publish(await there.quota.reserve(account, 500), 500);
    await refused(here.quota.reserve(account, 1));
    await refused(there.quota.reserve(account, 1));
    expect(await used()).toBe(1000);
  });

  it('is exact under uploads to two gateways at once', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 60 }, async (_, nth) => {
        const { quota } = nth % 2 ? here : there;
        await publish(await quota.reserve(account, 30), 30);
      }),
    );
    const stored = results.filter(({ status }) => status === 'fulfilled').length;
    expect(stored).toBeLessThanOrEqual(33);
    expect(await used()).toBe(stored * 30);
    for (const { quota } of [here, there]) await quota.returnIdle();
    // What was granted to the one and not used there is there for the other.
    for (let nth = stored; nth < 33; nth += 1) await publish(await here.quota.reserve(account, 30), 30);
    await refused(there.quota.reserve(account, 11));
    expect(await used()).toBe(990);
  });

  it('of a gateway that died is settled by another: what it had published counts, what it had promised is free', async () => {
    const dying = await startGateway();
    await publish(await dying.quota.reserve(account, 300), 300);
    const lost = await dying.quota.reserve(account, 700);
    await refused(here.quota.reserve(account, 1));
    await dying.lease.onApplicationShutdown();
    await settleSlabsOf(place.database, dying.lease.id);
    const mine = await here.quota.reserve(account, 700);
    // Should it not be dead after all, its slab is closed, and what it publishes wants room of its own.
    await refused(publish(lost, 700));
    await publish(mine, 700);
    expect(await used()).toBe(1000);
  });

  it('that was lowered takes nothing away, but gives nothing more', async () => {
    await publish(await here.quota.reserve(account, 600), 600);
    await here.quota.returnIdle();
    await place.database.execute('update accounts set quota_bytes = 500 where id = $1', [account]);
    await refused(here.quota.reserve(account, 1));
    expect(await used()).toBe(600);
  });

  it('without a limit is none', async () => {
    account = await newAccount(null);
    await publish(await here.quota.reserve(account, 2 ** 45), 2 ** 45);
    await publish(await here.quota.reserve(account, 2 ** 45), 2 ** 45);
    expect(await used()).toBe(2 ** 46);
  });
});
