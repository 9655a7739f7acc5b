import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RepairStage, ShardJob } from './repair.js';
import { expectStatus } from './scenarios.js';
import { CHUNK, prepareSite, query } from './site.js';
import { readTree, type Tree } from './tree.js';

const PLACES = ['one', 'two', 'three', 'four'];

/** Somebody's chunks as 2+1 over four places of which each is a domain of its own; a job is asked for. */
async function setStage(ask: (databaseUrl: string) => Promise<void>): Promise<RepairStage> {
  let before: Tree = new Map();
  const site = await prepareSite(async (client, { places }) => {
    const connections: string[] = [];
    for (const label of PLACES) {
      const path = join(places, label);
      await mkdir(path, { recursive: true });
      const request = { label, path, house: true, domain: label };
      const made = await client.json('POST', '/api/cloud/connections/local', request);
      connections.push(made.json<{ id: string }>().id);
    }
    const spread = { data: 2, parity: 1, connections };
    await expectStatus(client.json('PATCH', '/api/users/me/default-storage', spread), 200);
    await expectStatus(client.put('kept', randomBytes(2 * CHUNK + 999)), 201);
    before = await readTree(client);
  });
  await ask(site.databaseUrl);
  return { site, before, liar: '', prepared: { trashed: '', ids: {} } };
}

/** The connection on which most of it lies is to be emptied. */
export function setDrainStage(): Promise<RepairStage> {
  return setStage(async (databaseUrl) => {
    const [most] = await query<{ connection: string }>(
      databaseUrl,
      `select connection from blobs group by connection order by count(*) desc, connection limit 1`,
    );
    const { connection } = most!;
    await query(databaseUrl, `update connections set drain_since = now(), drain_blobs = 3 where id = $1`, [connection]);
    await query(databaseUrl, `insert into jobs (id, kind, ids) values ($1, 'drain', $2)`, [
      randomUUID(),
      { connection },
    ]);
  });
}

export const DRAIN: ShardJob = {
  kind: 'drain',
  complaints: async (databaseUrl) => {
    const left = await query(
      databaseUrl,
      `select 1 from blobs b join connections k on k.id = b.connection where k.drain_since is not null`,
    );
    return left.length > 0 ? ['something lies on the connection that was emptied'] : [];
  },
};

/** All of it is to be spread as 3+1. */
export function setSpreadingStage(): Promise<RepairStage> {
  return setStage(async (databaseUrl) => {
    const [changed] = await query<{ account: string }>(
      databaseUrl,
      `update spreads set data = 3, parity = 1 returning account`,
    );
    const { account } = changed!;
    await query(databaseUrl, `insert into jobs (id, kind, account, ids) values ($1, 're-spread', $2, $3)`, [
      randomUUID(),
      account,
      { account },
    ]);
  });
}

export const SPREADING: ShardJob = {
  kind: 're-spread',
  complaints: async (databaseUrl) => {
    const left = await query(
      databaseUrl,
      `select 1 from contents where data <> 3 or parity <> 1 union all select 1 from chunks where data is not null`,
    );
    return left.length > 0 ? ['something is not spread as it was wanted'] : [];
  },
};
