import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ShardDigest } from '#dispersal';
import { Worker } from '../../src/jobs/index.js';
import { Client } from '../support/client.js';
import { blobsOnDisk, inside } from '../support/inside.js';
import { complaints, timePasses } from './aftermath.js';
import { lastBackendsGone, onCopies, type Stage, type Verdict } from './run.js';
import { expectStatus } from './scenarios.js';
import { CHUNK, copySite, prepareSite, query, type Site, spawnWithRecorder, startHere } from './site.js';
import { difference, readTree, type Tree } from './tree.js';

/** Somebody's chunks in four shards over five places, one of which is empty, while another one lies. */
export interface RepairStage extends Stage {
  /** The name of the one blob whose bytes were exchanged, and of which nobody knows. */
  readonly liar: string;
}

const PLACES = ['one', 'two', 'three', 'four'];

export async function setRepairStage(): Promise<RepairStage> {
  let before: Tree = new Map();
  const site = await prepareSite(async (client, { places }) => {
    for (const label of PLACES) {
      const path = join(places, label);
      await mkdir(path, { recursive: true });
      const request = { label, path, house: true, domain: label };
      await expectStatus(client.json('POST', '/api/cloud/connections/local', request), 201);
    }
    await expectStatus(client.json('PATCH', '/api/users/me/default-storage', { data: 2, parity: 2 }), 200);
    await expectStatus(client.put('kept', randomBytes(2 * CHUNK + 999)), 201);
    before = await readTree(client);
  });
  const { lost, liar } = await lose(site);
  if (lost < 2) throw new Error('No more than one shard lay on the place that was emptied.');
  await query(site.databaseUrl, `insert into jobs (id, kind, ids) values ($1, 'repair', '{}')`, [randomUUID()]);
  return { site, before, liar, prepared: { trashed: '', ids: {} } };
}

/** Empties the place where most shards lie, as a scrub would note it; exchanges the bytes of one shard elsewhere. */
async function lose(site: Site): Promise<{ lost: number; liar: string }> {
  const most = await query<{ connection: string }>(
    site.databaseUrl,
    `select connection from blobs group by connection order by count(*) desc, connection limit 1`,
  );
  const { connection } = most[0]!;
  const gone = await query<{ name: string }>(
    site.databaseUrl,
    `update blobs set fault = 'missing', fault_at = now() where connection = $1 returning name`,
    [connection],
  );
  const files = await filesOf(site);
  for (const { name } of gone) await rm(files.get(name)!);
  const [other] = await query<{ name: string; length: string }>(
    site.databaseUrl,
    `select b.name, b.length from blobs b join shards s on s.account = b.account and s.blob = b.id
     where b.connection <> $1 order by s.chunk, s.shard limit 1`,
    [connection],
  );
  await writeFile(files.get(other!.name)!, randomBytes(Number(other!.length)));
  return { lost: gone.length, liar: other!.name };
}

async function filesOf({ dataFolder, places }: Site): Promise<Map<string, string>> {
  const vaults = [join(dataFolder, 'vault'), places];
  return new Map((await Promise.all(vaults.map((vault) => blobsOnDisk(vault)))).flatMap((found) => [...found]));
}

/** A job that moves shards, and what it has to come to beside what holds for all of them. */
export interface ShardJob {
  readonly kind: string;
  readonly complaints?: (databaseUrl: string) => Promise<string[]>;
}
const REPAIR: ShardJob = { kind: 'repair' };

/** The boundaries of a repair, or another such job, that is not disturbed. */
export async function recordRepair(stage: RepairStage, { kind }: ShardJob = REPAIR): Promise<string[]> {
  const site = await copySite(stage.site);
  try {
    const file = join(site.dataFolder, 'boundaries');
    const gateway = await spawnWithRecorder(site, { CRASH_JOB: kind, CRASH_JOB_RECORD: file });
    while (
      (await query(site.databaseUrl, `select 1 from jobs where kind = $1 and state = 'done'`, [kind])).length === 0
    ) {
      await pause(20);
    }
    gateway.child.kill('SIGKILL');
    await gateway.ended();
    return (await readFile(file, 'utf8')).trim().split('\n');
  } finally {
    await site.remove();
  }
}

export function killRepairAt(stage: RepairStage, boundary: string, job = REPAIR): Promise<Verdict> {
  return onCopies(stage, boundary, async (site) => {
    const gateway = await spawnWithRecorder(site, { CRASH_JOB: job.kind, CRASH_JOB_AT: boundary });
    const impatience = setTimeout(() => gateway.child.kill('SIGTERM'), 20_000);
    const died = (await gateway.ended()) === 'SIGKILL';
    clearTimeout(impatience);
    if (!died) return null;
    await lastBackendsGone(site);
    return { outcome: 'not done', complaints: await lookAfter(stage, site, job) };
  });
}

async function lookAfter(stage: RepairStage, site: Site, job: ShardJob): Promise<string[]> {
  const found = await countedAndNotThere(site, stage.liar);
  await query(
    site.databaseUrl,
    `with moves as (update moves set lease_until = now() - interval '1 second')
     update gateways set alive_until = now() - interval '1 second'`,
  );
  const gateway = await startHere(site);
  try {
    using client = new Client(gateway, stage.site.token);
    const compare = async (when: string) => {
      const wrong = difference(await readTree(client), stage.before);
      if (wrong) found.push(`${when}: ${wrong}`);
    };
    await compare('before it went on');
    await timePasses(gateway);
    const deadline = performance.now() + 20_000;
    const ended = `select 1 from jobs where kind = '${job.kind}' and ended_at is null`;
    while ((await query(site.databaseUrl, ended)).length > 0) {
      await query(site.databaseUrl, `update jobs set next_at = now() - interval '1 minute' where state = 'waiting'`);
      await inside(gateway, Worker).recover();
      await pause(20);
      if (performance.now() > deadline) return [...found, 'the job does not come to its end'];
    }
    await timePasses(gateway);
    await compare('after it has ended');
    found.push(...(await complaints(gateway)), ...(await countedAndNotThere(site, '')));
    found.push(...((await job.complaints?.(site.databaseUrl)) ?? []));
    return found;
  } finally {
    await gateway.stop();
  }
}

/** Every shard that counts lies where its row says, byte for byte, and no two of a chunk in one domain. */
async function countedAndNotThere(site: Site, liar: string): Promise<string[]> {
  const shards = await query<{ name: string; digest: Buffer; chunk: number; domain: string }>(
    site.databaseUrl,
    `select s.name, s.digest, s.chunk, k.domain from standing_shards s join connections k on k.id = s.connection`,
  );
  const files = await filesOf(site);
  const found: string[] = [];
  for (const { name, digest } of shards) {
    const bytes = new ShardDigest();
    bytes.update(await readFile(files.get(name) ?? '').catch(() => Buffer.alloc(0)));
    if (name !== liar && !bytes.digest().equals(digest)) found.push('a shard counts, and is not what is there');
  }
  const apart = new Set(shards.map(({ chunk, domain }) => `${chunk} ${domain}`));
  return apart.size === shards.length ? found : [...found, 'two shards of a chunk lie in one domain'];
}
