import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { killAt, record, setStage, type Stage, type Verdict } from './crash/run.js';
import { resumableUpload } from './crash/resumable.js';
import { SCENARIOS } from './crash/scenarios.js';
import { CHUNK } from './crash/site.js';
import { killPurgeAt, recordPurge, setPurgeStage } from './crash/purge.js';
import { DRAIN, setDrainStage, setSpreadingStage, SPREADING } from './crash/homes.js';
import { killRepairAt, recordRepair, setRepairStage } from './crash/repair.js';
import { killScrubAt, leaveStrays, recordScrub } from './crash/scrub.js';
import { killRoundAt, leaveWork, recordRound } from './crash/upkeep-round.js';

/** At every boundary instead of a sample: `npm run search:crash`, which wants the verdicts in this file. */
const ALL = process.env['TESSERA_SEARCH'] === 'all';
const REPORT = process.env['TESSERA_SEARCH_REPORT'];
const TIMEOUT = ALL || process.env['TESSERA_SEARCH_SAMPLE'] ? 3_600_000 : 240_000;
/** Of each, where not all are searched. */
const SAMPLE = Number(process.env['TESSERA_SEARCH_SAMPLE'] ?? 2);

let stage: Stage;
const verdicts: Record<string, Verdict[]> = {};
beforeAll(async () => {
  stage = await setStage();
});
afterAll(async () => {
  await stage?.site.remove();
});

/** Evenly spaced, the last one among them: it lies behind the answer. */
function sampleOf(boundaries: readonly string[]): string[] {
  const at = (nth: number) => boundaries[Math.ceil(((nth + 1) * boundaries.length) / SAMPLE) - 1]!;
  return Array.from({ length: SAMPLE }, (_, nth) => at(nth));
}

async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
}

/** Kills at the boundaries, expects no complaint of any, and returns the verdicts on those that were met once more. */
async function killed(
  name: string,
  boundaries: readonly string[],
  kill: (boundary: string) => Promise<Verdict>,
): Promise<Verdict[]> {
  const found: Verdict[] = (verdicts[name] = []);
  await inLanes(ALL ? boundaries : sampleOf(boundaries), async (boundary) => {
    found.push(await kill(boundary));
    // What was found so far is worth something also when the search is broken off.
    if (REPORT !== undefined) writeFileSync(REPORT, JSON.stringify(verdicts));
  });
  expect(found.filter(({ complaints }) => complaints.length > 0)).toEqual([]);
  const reached = found.filter(({ outcome }) => outcome !== 'not reached');
  expect(reached.length).toBeGreaterThan(ALL ? found.length * 0.9 : 0);
  return reached;
}

/** A sample has every second request: those beside it pass the same code. */
const REQUESTS = [
  ...SCENARIOS.filter((_, nth) => ALL || nth % 2 === 1),
  resumableUpload('the last part of an upload that goes on', 'resumed', randomBytes(3 * CHUNK + 99)),
];

describe.each(REQUESTS)('a kill -9 at any boundary of $name', (scenario) => {
  test('leaves the old or the new, whole, and nothing else', { timeout: TIMEOUT }, async () => {
    const boundaries = await record(stage, scenario);
    expect(boundaries.length).toBeGreaterThan(10);
    const reached = await killed(scenario.name, boundaries, (boundary) => killAt(stage, scenario, boundary));
    expect(reached.map(({ outcome }) => outcome)).toContain('acknowledged');
    expect(reached.map(({ outcome }) => outcome)).toContain('not done');
  });
});

describe('a kill -9 at any boundary of a round of upkeep', () => {
  test('takes nothing that is stored, and leaves the rest to the next', { timeout: TIMEOUT }, async () => {
    const left = await leaveWork(stage);
    try {
      const boundaries = await recordRound(left);
      expect(boundaries.filter((boundary) => boundary.startsWith('unlink blob')).length).toBeGreaterThanOrEqual(6);
      expect(boundaries.filter((boundary) => boundary.startsWith('unlink half-written')).length).toBeGreaterThan(0);
      await killed('a round of upkeep', boundaries, (boundary) => killRoundAt(left, boundary));
    } finally {
      await left.site.remove();
    }
  });
});

describe('a kill -9 at any boundary of a repair', () => {
  test('loses no shard, counts none that is not there, and is repaired in the end', { timeout: TIMEOUT }, async () => {
    const lost = await setRepairStage();
    try {
      const boundaries = await recordRepair(lost);
      expect(boundaries.filter((boundary) => boundary.includes('swap-move')).length).toBeGreaterThan(4);
      await killed('a repair', boundaries, (boundary) => killRepairAt(lost, boundary));
    } finally {
      await lost.site.remove();
    }
  });
});

/** A drain is moves of shards, as a repair is: of the two a sample has the repair. */
const MOVING_JOBS = [
  ['spreading anew', setSpreadingStage, SPREADING, 'insert into shards'],
  ['a drain', setDrainStage, DRAIN, 'swap-move'],
] as const;

describe.each(ALL ? MOVING_JOBS : MOVING_JOBS.slice(0, 1))(
  'a kill -9 at any boundary of %s',
  (name, setJobStage, job, swaps) => {
    test('loses no shard, counts none that is not there, and comes to its end', { timeout: TIMEOUT }, async () => {
      const begun = await setJobStage();
      try {
        const boundaries = await recordRepair(begun, job);
        expect(boundaries.filter((boundary) => boundary.includes(swaps)).length).toBeGreaterThan(3);
        await killed(name, boundaries, (boundary) => killRepairAt(begun, boundary, job));
      } finally {
        await begun.site.remove();
      }
    });
  },
);

describe('a kill -9 at any boundary of a scrub', () => {
  test('takes nothing that is stored, and the next one goes on', { timeout: TIMEOUT }, async () => {
    const left = await leaveStrays(stage);
    try {
      const boundaries = await recordScrub(left);
      expect(boundaries.filter((boundary) => boundary.startsWith('unlink blob')).length).toBe(10);
      await killed('a scrub', boundaries, (boundary) => killScrubAt(left, boundary));
    } finally {
      await left.site.remove();
    }
  });
});

describe('a kill -9 at any boundary of the purge of an account', () => {
  test('leaves it whole or without a key, and what is left to do is done', { timeout: 2 * TIMEOUT }, async () => {
    const purged = await setPurgeStage();
    try {
      for (const what of ['request', 'job'] as const) {
        const boundaries = await recordPurge(purged, what);
        expect(boundaries.length).toBeGreaterThan(20);
        await killed(`the purge of an account (${what})`, boundaries, (at) => killPurgeAt(purged, what, at));
      }
    } finally {
      await purged.site.remove();
    }
  });
});
