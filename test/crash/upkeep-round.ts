import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Sweep } from '../../src/upkeep/index.js';
import { Client } from '../support/client.js';
import { inside } from '../support/inside.js';
import { complaints, timePasses } from './aftermath.js';
import { lastBackendsGone, onCopies, runAndDie, type Stage, type Verdict } from './run.js';
import { SCENARIOS } from './scenarios.js';
import { CHUNK, copySite, query, type Site, spawnWithRecorder, startHere } from './site.js';
import { difference, readTree } from './tree.js';

/**
 * Leaves a round of upkeep all there is to do: a draft whose gateway died, with chunks stored and one half-written, the room
 * that this gateway held, condemned blobs, and tombstones that were looked for once.
 */
export async function leaveWork(stage: Stage): Promise<Stage> {
  const site = await copySite(stage.site);
  const gateway = await startHere(site);
  using client = new Client(gateway, stage.site.token);
  const refused = { 'Repr-Digest': `sha-256=:${randomBytes(32).toString('base64')}:` };
  await client.put('refused', randomBytes(2 * CHUNK), refused);
  await inside(gateway, Sweep).run();
  await query(
    site.databaseUrl,
    `update blobs set absent_looks = 1, looked_at = now() - interval '1 year'
    where state = 'gone'`,
  );
  await client.put('refused', randomBytes(CHUNK), refused);
  await gateway.stop();
  const left: Stage = { ...stage, site: { ...site, token: stage.site.token } };
  const { died } = await runAndDie(left, site, SCENARIOS[0]!, 'sync half-written blob, after (3)');
  if (!died) throw new Error('The upload did not come as far as its third chunk.');
  await query(site.databaseUrl, `update gateways set alive_until = now() - interval '1 second'`);
  return left;
}

/** The boundaries of a round that is not disturbed. */
export async function recordRound(stage: Stage): Promise<string[]> {
  const site = await copySite(stage.site);
  try {
    const file = join(site.dataFolder, 'boundaries');
    const gateway = await spawnWithRecorder(site, { CRASH_UPKEEP_RECORD: file });
    const boundaries = async () => (await readFile(file, 'utf8').catch(() => '')).trim().split('\n');
    while (!(await boundaries()).at(-1)!.startsWith('the round is over')) await gateway.ready();
    gateway.child.kill('SIGKILL');
    await gateway.ended();
    return await boundaries();
  } finally {
    await site.remove();
  }
}

export function killRoundAt(stage: Stage, boundary: string): Promise<Verdict> {
  return onCopies(stage, boundary, async (site) => {
    const gateway = await spawnWithRecorder(site, { CRASH_UPKEEP_AT: boundary });
    const impatience = setTimeout(() => gateway.child.kill('SIGTERM'), 20_000);
    const died = (await gateway.ended()) === 'SIGKILL';
    clearTimeout(impatience);
    if (!died) return null;
    await lastBackendsGone(site);
    return { outcome: 'not done', complaints: await lookAfterRound(stage, site) };
  });
}

async function lookAfterRound(stage: Stage, site: Site): Promise<string[]> {
  const gateway = await startHere(site);
  try {
    using client = new Client(gateway, stage.site.token);
    const found: string[] = [];
    const compare = async (when: string) => {
      const wrong = difference(await readTree(client), stage.before);
      if (wrong) found.push(`${when}: ${wrong}`);
    };
    await compare('before the next round');
    await timePasses(gateway);
    await compare('after the next round');
    return [...found, ...(await complaints(gateway))];
  } finally {
    await gateway.stop();
  }
}
