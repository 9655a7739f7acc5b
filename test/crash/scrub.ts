import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConnectionList, Job } from '#contracts';
import { newBlobName } from '#storage';
import { Worker } from '../../src/jobs/index.js';
import { Client } from '../support/client.js';
import type { TestGateway } from '../support/gateway.js';
import { inside, vaultOf } from '../support/inside.js';
import { complaints, timePasses } from './aftermath.js';
import { lastBackendsGone, onCopies, type Stage, type Verdict } from './run.js';
import { copySite, query, type Site, spawnWithRecorder, startHere } from './site.js';
import { difference, readTree } from './tree.js';

const STRAYS = 5;

async function ask(client: Client): Promise<Job | null> {
  const list = await client.send('/api/cloud/connections');
  const vault = list.json<ConnectionList>().items.find(({ label }) => label === 'First vault')!;
  const answer = await client.send(`/api/cloud/connections/${vault.id}/scrub`, { method: 'POST' }).catch(() => null);
  return answer?.status === 202 ? answer.json<{ job: Job }>().job : null;
}

const hourPasses = (url: string) =>
  query(
    url,
    `update strays set first_seen_at = first_seen_at - interval '2 hours', seen_at = seen_at - interval '2 hours'`,
  );

/** Leaves a scrub something of everything: names in the vault that one listing has shown, and blobs that were thought lost. */
export async function leaveStrays(stage: Stage): Promise<Stage> {
  const site = await copySite(stage.site);
  const [folder] = await readdir(vaultOf(site));
  for (let nth = 0; nth < STRAYS; nth += 1) {
    const name = newBlobName();
    const shelf = join(vaultOf(site), folder!, name.slice(0, 2));
    await mkdir(shelf, { recursive: true });
    await writeFile(join(shelf, name), 'left behind');
  }
  const gateway = await startHere(site);
  using client = new Client(gateway, stage.site.token);
  await scrubToItsEnd(gateway, client);
  await hourPasses(site.databaseUrl);
  await query(
    site.databaseUrl,
    `update blobs set fault = 'missing', fault_at = now() where (account, id) in (
       select b.account, b.id from blobs b join connections c on c.id = b.connection
       where c.label = 'First vault' and b.state = 'live' limit 2)`,
  );
  await gateway.stop();
  return { ...stage, site: { ...site, token: stage.site.token } };
}

async function scrubToItsEnd(gateway: TestGateway, client: Client): Promise<void> {
  const job = await ask(client);
  if (job === null) throw new Error('The scrub was not accepted.');
  const open = `select 1 from jobs where kind = 'scrub' and ended_at is null`;
  const deadline = performance.now() + 20_000;
  while ((await query(gateway.databaseUrl, open)).length > 0) {
    await query(gateway.databaseUrl, `update jobs set next_at = now() - interval '1 minute' where state = 'waiting'`);
    await inside(gateway, Worker).recover();
    await pause(20);
    if (performance.now() > deadline) throw new Error('The scrub does not come to its end.');
  }
}

export async function recordScrub(stage: Stage): Promise<string[]> {
  const site = await copySite(stage.site);
  try {
    const file = join(site.dataFolder, 'boundaries');
    const gateway = await spawnWithRecorder(site, { CRASH_JOB: 'scrub', CRASH_JOB_RECORD: file });
    await gateway.ready();
    using client = new Client(gateway, stage.site.token);
    const job = await ask(client);
    while ((await client.send(`/api/jobs/${job!.id}`)).json<Job>().state !== 'done') await pause(5);
    gateway.child.kill('SIGKILL');
    await gateway.ended();
    return (await readFile(file, 'utf8')).trim().split('\n');
  } finally {
    await site.remove();
  }
}

export function killScrubAt(stage: Stage, boundary: string): Promise<Verdict> {
  return onCopies(stage, boundary, async (site) => {
    const gateway = await spawnWithRecorder(site, { CRASH_JOB: 'scrub', CRASH_JOB_AT: boundary });
    await gateway.ready();
    using client = new Client(gateway, stage.site.token);
    await ask(client);
    const impatience = setTimeout(() => gateway.child.kill('SIGTERM'), 20_000);
    const died = (await gateway.ended()) === 'SIGKILL';
    clearTimeout(impatience);
    await lastBackendsGone(site);
    return died ? { outcome: 'not done', complaints: await lookAfter(stage, site) } : null;
  });
}

async function lookAfter(stage: Stage, site: Site): Promise<string[]> {
  const gateway = await startHere(site);
  try {
    using client = new Client(gateway, stage.site.token);
    const found: string[] = [];
    const compare = async (when: string) => {
      const wrong = difference(await readTree(client), stage.before);
      if (wrong) found.push(`${when}: ${wrong}`);
    };
    await compare('before the next scrub');
    await query(
      gateway.databaseUrl,
      `update gateways set alive_until = now() - interval '1 second'
      where id <> (select id from gateways order by started_at desc limit 1)`,
    );
    await hourPasses(gateway.databaseUrl);
    await scrubToItsEnd(gateway, client);
    await compare('after the next scrub');
    const wrong = await query(
      gateway.databaseUrl,
      `select 'a blob is held for ' || fault as complaint from blobs where fault is not null
       union all select 'a stray is still remembered' from strays`,
    );
    await timePasses(gateway);
    return [...found, ...wrong.map((row) => row['complaint'] as string), ...(await complaints(gateway))];
  } finally {
    await gateway.stop();
  }
}
