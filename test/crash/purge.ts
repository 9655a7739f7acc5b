import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Job, SignInAnswer, User } from '#contracts';
import { Worker } from '../../src/jobs/index.js';
import { Client } from '../support/client.js';
import type { TestGateway } from '../support/gateway.js';
import { inside } from '../support/inside.js';
import { complaints, timePasses } from './aftermath.js';
import { lastBackendsGone, onCopies, type Stage, type Verdict } from './run.js';
import { expectStatus } from './scenarios.js';
import { CHUNK, copySite, prepareSite, query, type Site, spawnWithRecorder, startHere } from './site.js';
import { difference, readTree, type Tree } from './tree.js';

const VICTIM = { email: 'victim@example.org', password: 'a perfectly fine password' };

/** The admin who stays, with files; and somebody with files on the house's vault and on a place of their own. */
export interface PurgeStage extends Stage {
  readonly victim: string;
}

export async function setPurgeStage(): Promise<PurgeStage> {
  const own = await mkdtemp(join(tmpdir(), 'tessera-own-'));
  let before: Tree = new Map();
  let victim = '';
  const site = await prepareSite(async (client) => {
    await expectStatus(client.put('kept', randomBytes(2 * CHUNK)), 201);
    const made = await client.json('POST', '/api/admin/users', { ...VICTIM, roles: ['user', 'admin'] });
    victim = made.json<User>().id;
    await fill(client, own);
    before = await readTree(client);
  });
  await cp(own, join(site.dataFolder, 'own'), { recursive: true });
  await rm(own, { recursive: true });
  return { site, victim, before, prepared: { trashed: '', ids: {} } };
}

async function fill(client: Client, place: string): Promise<void> {
  const answer = await client.json('POST', '/api/auth/login', VICTIM);
  const Authorization = `Bearer ${answer.json<SignInAnswer>().token}`;
  const headers = { Authorization, 'Content-Type': 'application/json' };
  await expectStatus(client.put('house/one', randomBytes(2 * CHUNK), { Authorization }), 201);
  const body = JSON.stringify({ label: 'own', path: place });
  const made = await client.send('/api/cloud/connections/local', { method: 'POST', body, headers });
  const spread = { data: 1, parity: 0, connections: [made.json<{ id: string }>().id] };
  const chosen = { method: 'PATCH', body: JSON.stringify(spread), headers };
  await expectStatus(client.send('/api/users/me/default-storage', chosen), 200);
  await expectStatus(client.put('own/two', randomBytes(2 * CHUNK + 1), { Authorization }), 201);
  await expectStatus(client.put('own/two', randomBytes(10), { Authorization }), 200);
}

const remove = (client: Client, { victim }: PurgeStage, headers: Record<string, string> = {}) =>
  client.send(`/api/admin/users/${victim}`, { method: 'DELETE', headers });

/** The boundaries of the request that deletes the account, or of the job that follows it. */
export async function recordPurge(stage: PurgeStage, what: 'request' | 'job'): Promise<string[]> {
  const site = await copySite(stage.site);
  try {
    const file = join(site.dataFolder, 'boundaries');
    const marks: Record<string, string> = what === 'job' ? { CRASH_JOB: 'purge-account', CRASH_JOB_RECORD: file } : {};
    const gateway = await spawnWithRecorder(site, marks);
    await gateway.ready();
    using client = new Client(gateway, stage.site.token);
    const answer = await remove(client, stage, what === 'job' ? {} : { 'x-crash-record': file });
    const { job } = answer.json<{ job: Job }>();
    while ((await client.send(`/api/jobs/${job.id}`)).json<Job>().state !== 'done') await pause(5);
    gateway.child.kill('SIGKILL');
    await gateway.ended();
    return (await readFile(file, 'utf8')).trim().split('\n');
  } finally {
    await site.remove();
  }
}

export function killPurgeAt(stage: PurgeStage, what: 'request' | 'job', boundary: string): Promise<Verdict> {
  return onCopies(stage, boundary, async (site) => {
    const marks: Record<string, string> = what === 'job' ? { CRASH_JOB: 'purge-account', CRASH_JOB_AT: boundary } : {};
    const gateway = await spawnWithRecorder(site, marks);
    await gateway.ready();
    using client = new Client(gateway, stage.site.token);
    const headers: Record<string, string> = what === 'job' ? {} : { 'x-crash-at': encodeURIComponent(boundary) };
    const answer = await remove(client, stage, headers).catch(() => null);
    const impatience = setTimeout(() => gateway.child.kill('SIGTERM'), 20_000);
    const died = (await gateway.ended()) === 'SIGKILL';
    clearTimeout(impatience);
    await lastBackendsGone(site);
    if (!died) return null;
    const acknowledged = answer?.status === 202;
    const { begun, complaints: found } = await lookAfter(stage, site, acknowledged);
    return { outcome: acknowledged ? 'acknowledged' : begun ? 'done, unsaid' : 'not done', complaints: found };
  });
}

/** Either nothing has happened, or nobody opens anything of the account any more; and whoever asks once more has it done. */
async function lookAfter(
  stage: PurgeStage,
  site: Site,
  acknowledged: boolean,
): Promise<{ begun: boolean; complaints: string[] }> {
  const found: string[] = [];
  const [{ keys, contents }] = (await query(
    site.databaseUrl,
    `select (select count(*)::int from account_keys where account = $1 and wrapped is not null) as keys,
       (select count(*)::int from contents where account = $1 and wrapped_key is not null) as contents`,
    [stage.victim],
  )) as [{ keys: number; contents: number }];
  const begun = keys === 0;
  if (begun ? contents > 0 : contents !== 3)
    found.push(`${keys} keys of the account are left, and ${contents} of contents`);
  if (acknowledged && !begun) found.push('it was acknowledged, and the keys are there');
  const gateway = await startHere(site);
  try {
    using client = new Client(gateway, stage.site.token);
    if (!begun) await expectStatus(client.json('POST', '/api/auth/login', VICTIM), 200);
    await finish(stage, gateway, client, found);
    const wrong = difference(await readTree(client), stage.before);
    if (wrong) found.push(`of the admin’s: ${wrong}`);
    await timePasses(gateway);
    found.push(...(await complaints(gateway)), ...(await leftOf(stage, site)));
    return { begun, complaints: found };
  } finally {
    await gateway.stop();
  }
}

async function finish(stage: PurgeStage, gateway: TestGateway, client: Client, found: string[]): Promise<void> {
  const sql = (text: string) => query<{ left: boolean }>(gateway.databaseUrl, text);
  await sql(`update gateways set alive_until = now() - interval '1 second'
    where id <> (select id from gateways order by started_at desc limit 1)`);
  const { status } = await remove(client, stage);
  if (status !== 202 && status !== 404) found.push(`once more it was answered ${status}`);
  const deadline = performance.now() + 20_000;
  while ((await sql(`select 1 from jobs where kind = 'purge-account' and ended_at is null`)).length > 0) {
    await sql(`update jobs set next_at = now() - interval '1 minute' where state = 'waiting'`);
    await inside(gateway, Worker).recover();
    await pause(20);
    if (performance.now() > deadline) return void found.push('the purge does not come to its end');
  }
}

async function leftOf({ victim }: PurgeStage, { databaseUrl, dataFolder }: Site): Promise<string[]> {
  const rows = await query<{ complaint: string }>(
    databaseUrl,
    `select 'names are left' as complaint from nodes where account = $1
     union all select 'versions are left' from versions where account = $1
     union all select 'a blob is left' from blobs where account = $1
     union all select 'credentials or their place are left' from connections
       where account = $1 and (removed_at is null or settings <> '{}')
     union all select 'the address is left' from accounts where id = $1 and email <> 'deleted'
     union all select 'the record was told ' || count(*) || ' times' from (
       select action from audit_inbox union all select action from audit_chain) r
       where action = 'cloud.credentials_purged' having count(*) <> 1`,
    [victim],
  );
  const files = await readdir(join(dataFolder, 'own'));
  return [...rows.map(({ complaint }) => complaint), ...files.map((file) => `«${file}» is left in its own place`)];
}
