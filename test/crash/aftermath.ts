import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ReadRecord } from '../../src/audit/index.js';
import { Drafts, Quota } from '../../src/contents/index.js';
import { Sweep } from '../../src/upkeep/index.js';
import { UpkeepOfConnections } from '../../src/upkeep/upkeep-of-connections.js';
import type { TestGateway } from '../support/gateway.js';
import { inside } from '../support/inside.js';
import { query } from './site.js';

/**
 * All that upkeep does in time, now: the leases of dead gateways run out, strays and tombstones come of age, as the
 * database's rows tell. Nothing is waited for, and no step may fail.
 */
export async function timePasses(gateway: TestGateway): Promise<void> {
  const sql = (text: string) => query(gateway.databaseUrl, text);
  await sql(`update gateways set alive_until = now() - interval '1 second'
    where id <> (select id from gateways order by started_at desc limit 1)`);
  await sql(`update contents set created_at = created_at - interval '1 hour', lease_until = lease_until - interval '1 month'
    where state = 'open'`);
  await inside(gateway, Drafts).sweepStrays();
  for (let round = 0; round < 3; round += 1) {
    await inside(gateway, Sweep).run();
    await sql(`update blobs set looked_at = looked_at - interval '1 year' where state = 'gone'`);
  }
  await inside(gateway, Sweep).run();
  await inside(gateway, Quota).returnIdle();
  await inside(gateway, UpkeepOfConnections).run();
}

/** What must hold when upkeep has come round; each complaint a sentence. */
export async function complaints(gateway: TestGateway): Promise<string[]> {
  return [
    ...(await leftInRows(gateway)),
    ...(await leftOnDisk(gateway)),
    ...(await wrongInVersions(gateway)),
    ...(await wrongInQuota(gateway)),
    ...(await wrongInRecord(gateway)),
  ];
}

async function leftInRows({ databaseUrl }: TestGateway): Promise<string[]> {
  const rows = await query<{ complaint: string }>(
    databaseUrl,
    `select 'a content is ' || state as complaint from contents where state <> 'published'
     union all select 'a blob is ' || state from blobs where state <> 'live'
     union all select 'a blob is ' || fault from blobs where fault is not null
     union all select 'a shard is on its way' from moves
     union all select 'a blob belongs to no content' from blobs b
       where not exists (select 1 from shards s where s.account = b.account and s.blob = b.id)
     union all select 'a content belongs to no version' from contents c
       where not exists (select 1 from versions v where v.account = c.account and v.content = c.id)
         and not exists (select 1 from previews p where p.account = c.account and p.content = c.id)
     union all select 'the row of a dead gateway is still there' from gateways where alive_until <= now()
     union all select 'room is still set aside for a gateway that is not there' from space_slabs s
       where not exists (select 1 from gateways g where g.id = s.gateway)
     union all select 'a connection raised an alarm: ' || alarm from connections where alarm is not null`,
  );
  return rows.map((row) => row.complaint);
}

/** Every file in a vault is the marker or a live blob of the right length, and every live blob is there. */
async function leftOnDisk({ databaseUrl, dataFolder }: TestGateway): Promise<string[]> {
  const live = await query<{ name: string; length: string }>(
    databaseUrl,
    `select name, length from blobs where state = 'live'`,
  );
  const lengths = new Map(live.map(({ name, length }) => [name, Number(length)]));
  const found: string[] = [];
  for (const path of [...(await filesIn(join(dataFolder, 'vault'))), ...(await filesIn(`${dataFolder}-places`))]) {
    const name = path.split(sep).at(-1)!;
    if (name === 'marker') continue;
    // What is deleted while one looks is not there.
    const size = await stat(path).then(
      (found) => found.size,
      (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? null : Promise.reject(error)),
    );
    if (size === null) continue;
    const length = lengths.get(name);
    if (path.includes(`${sep}staging${sep}`)) {
      if (await stays(path)) found.push('something half-written is still in the vault');
    } else if (length === undefined) found.push('a file in the vault is no live blob');
    else if (length !== size) found.push(`a blob of ${length} bytes has ${size} in the vault`);
    lengths.delete(name);
  }
  for (const _ of lengths) found.push('a live blob is not in the vault');
  for (const _ of await filesIn(join(dataFolder, 'staging'))) found.push('a chunk still waits on disk');
  return found;
}

/** The gateway that looks after things writes as well: its markers are half-written for a moment. */
async function stays(path: string): Promise<boolean> {
  for (const until = performance.now() + 3_000; performance.now() < until; await pause(20)) {
    if (!existsSync(path)) return false;
  }
  return true;
}

async function filesIn(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function wrongInVersions({ databaseUrl }: TestGateway): Promise<string[]> {
  const rows = await query<{ complaint: string }>(
    databaseUrl,
    `select 'the versions of a file do not count from one to its newest' as complaint
     from nodes n join versions v on v.account = n.account and v.file = n.id
     group by n.account, n.id
     having count(*) <> max(v.number)
       or n.head <> (array_agg(v.id order by v.number desc))[1]
     union all select 'a content does not have the shards of the chunks that it counts' from contents c
       where c.chunks * (c.data + c.parity) <> (select count(*) from chunks k join shards s on s.account = k.account
         and s.content = k.content and s.chunk = k.index join blobs b on b.account = s.account and b.id = s.blob
         where k.account = c.account and k.content = c.id and b.state = 'live')`,
  );
  return rows.map((row) => row.complaint);
}

/** Nobody uploads, so every slab is closed, and what is settled is what is stored. */
async function wrongInQuota({ databaseUrl }: TestGateway): Promise<string[]> {
  const rows = await query<{ settled: string; stored: string; slabs: string }>(
    databaseUrl,
    `select a.id, coalesce((select settled from quota_usage u where u.account = a.id), 0) as settled,
       (select coalesce(sum(size), 0) from contents c where c.account = a.id and c.state = 'published'
         and exists (select 1 from versions v where v.account = c.account and v.content = c.id)) as stored,
       (select count(*) from quota_slabs q where q.account = a.id) as slabs
     from accounts a`,
  );
  return rows.flatMap(({ settled, stored, slabs }) => [
    ...(settled === stored ? [] : [`the quota counts ${settled} bytes, and ${stored} are stored`]),
    ...(slabs === '0' ? [] : ['a slab of the quota is still open']),
  ]);
}

async function wrongInRecord(gateway: TestGateway): Promise<string[]> {
  const verdict = await inside(gateway, ReadRecord).verify();
  return verdict.ok ? [] : [`the record does not hold: ${JSON.stringify(verdict)}`];
}
