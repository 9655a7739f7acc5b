import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, type Received } from '../support/client.js';
import { complaints, timePasses } from './aftermath.js';
import { BEFORE, connectPlaces, prepare, type Prepared, type Scenario } from './scenarios.js';
import { copySite, prepareSite, type PreparedSite, query, type Site, spawnWithRecorder, startHere } from './site.js';
import { difference, readTree, type Tree } from './tree.js';

export interface Stage {
  readonly site: PreparedSite;
  readonly prepared: Prepared;
  readonly before: Tree;
}

export async function setStage(): Promise<Stage> {
  let prepared: Prepared | undefined;
  let before: Tree | undefined;
  const site = await prepareSite(async (client, { places }) => {
    await connectPlaces(client, places);
    prepared = await prepare(client);
    before = await readTree(client);
  });
  if (before!.size < Object.keys(BEFORE).length) throw new Error('The tree was not prepared.');
  return { site, prepared: prepared!, before: before! };
}

const LAST = 'answer, after (1)';

/** Runs a scenario once, undisturbed, and returns the boundaries that it passed. */
export async function record(stage: Stage, scenario: Scenario): Promise<string[]> {
  const site = await copySite(stage.site);
  try {
    const gateway = await spawnWithRecorder(site);
    await gateway.ready();
    using client = new Client(gateway, stage.site.token);
    const file = join(site.dataFolder, 'boundaries');
    const answer = await scenario.run(client, { 'x-crash-record': file }, stage.prepared);
    if (answer.status >= 300) throw new Error(`${scenario.name} was answered ${answer.status}: ${answer.body}`);
    const boundaries = async () => (await readFile(file, 'utf8')).trim().split('\n');
    // The client has the last byte before the gateway knows that it is sent.
    while (!(await boundaries()).includes(LAST)) await gateway.ready();
    gateway.child.kill('SIGKILL');
    await gateway.ended();
    return await boundaries();
  } finally {
    await site.remove();
  }
}

export interface Verdict {
  readonly boundary: string;
  /** What the client was told, and what was found afterwards. */
  readonly outcome: 'acknowledged' | 'done, unsaid' | 'not done' | 'not reached';
  readonly complaints: readonly string[];
}

/** Chunks are on their way side by side: the odd boundary is not met in each run. */
const MOST_TRIES = 3;

export function killAt(stage: Stage, scenario: Scenario, boundary: string): Promise<Verdict> {
  return onCopies(stage, boundary, async (site) => {
    const { died, acknowledged } = await runAndDie(stage, site, scenario, boundary);
    if (!died) return null;
    const { done, complaints: found } = await lookAfter(stage, site, scenario, acknowledged);
    return { outcome: acknowledged ? 'acknowledged' : done ? 'done, unsaid' : 'not done', complaints: found };
  });
}

/** Tries on fresh copies until the boundary was met. What throws is a complaint like any other. */
export async function onCopies(
  stage: Stage,
  boundary: string,
  kill: (site: Site) => Promise<Omit<Verdict, 'boundary'> | null>,
): Promise<Verdict> {
  for (let attempt = 0; attempt < MOST_TRIES; attempt += 1) {
    const site = await copySite(stage.site);
    try {
      const verdict = await kill(site);
      if (verdict !== null) return { boundary, ...verdict };
    } catch (error) {
      return { boundary, outcome: 'not done', complaints: [(error as Error).message] };
    } finally {
      await site.remove();
    }
  }
  return { boundary, outcome: 'not reached', complaints: [] };
}

export async function runAndDie(
  { site: { token }, prepared }: Stage,
  site: Site,
  scenario: Scenario,
  boundary: string,
): Promise<{ died: boolean; acknowledged: boolean }> {
  const gateway = await spawnWithRecorder(site);
  await gateway.ready();
  using client = new Client(gateway, token);
  const answer = await scenario
    .run(client, { 'x-crash-at': encodeURIComponent(boundary) }, prepared)
    .catch((): Received | null => null);
  const acknowledged = answer !== null && answer.status < 300;
  if (answer !== null && !acknowledged) throw new Error(`It was answered ${answer.status}: ${answer.body}`);
  // Beyond the last boundary nothing dies: then it is for us to end it.
  const ended = await Promise.race([gateway.ended(), answered(answer)]);
  if (ended === 'still there') gateway.child.kill('SIGKILL');
  await gateway.ended();
  await lastBackendsGone(site);
  return { died: ended === 'SIGKILL', acknowledged };
}

/** Some time after an answer: a gateway that has not died by then will not. */
async function answered(answer: Received | null): Promise<'still there'> {
  if (answer === null) return new Promise(() => {});
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return 'still there';
}

/** Statements that a dead gateway had sent still run to their end. */
export async function lastBackendsGone({ databaseUrl }: Site): Promise<void> {
  const text = `select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
    and backend_type = 'client backend'`;
  while ((await query(databaseUrl, text)).length > 0);
}

async function lookAfter(
  stage: Stage,
  site: Site,
  scenario: Scenario,
  acknowledged: boolean,
): Promise<{ done: boolean; complaints: string[] }> {
  const after: Tree = new Map(stage.before);
  scenario.change(after);
  const gateway = await startHere(site);
  try {
    using client = new Client(gateway, stage.site.token);
    const found: string[] = [];
    const compare = async (when: string, wanted: Tree) => {
      const wrong = difference(await readTree(client), wanted);
      if (wrong) found.push(`${when}: ${wrong}`);
    };
    const done = difference(await readTree(client), after) === null;
    if (!done)
      await compare(
        acknowledged ? 'although it was acknowledged' : 'neither old nor new',
        acknowledged ? after : stage.before,
      );
    found.push(...((await scenario.goOn?.(client, site.databaseUrl)) ?? []));
    await timePasses(gateway);
    await compare('after upkeep', done || scenario.goOn ? after : stage.before);
    found.push(...(await complaints(gateway)));
    const again = await scenario.run(client, {}, stage.prepared);
    if (done ? again.status !== scenario.again : again.status >= 300)
      found.push(`once more it was answered ${again.status}`);
    await compare('once more', after);
    if (scenario.deleted !== undefined) {
      await client.restore(stage.prepared.ids[scenario.deleted]!);
      await compare('after a restore', stage.before);
    }
    await timePasses(gateway);
    for (const complaint of await complaints(gateway)) found.push(`after once more: ${complaint}`);
    return { done, complaints: [...new Set(found)] };
  } finally {
    await gateway.stop();
  }
}
