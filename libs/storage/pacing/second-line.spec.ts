import { beforeEach, expect, test } from 'vitest';
import type { Pass, RequestOutcome } from '../request-gate.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { PacedGate } from './paced-gate.js';
import { inSecondLine, SecondLine } from './second-line.js';
import { LocalTurnstile } from './turnstile.js';

const well: RequestOutcome = { kind: 'answered' };
const download = { kind: 'download' } as const;

let clock: VirtualClock;
let gate: SecondLine;
beforeEach(() => {
  clock = new VirtualClock();
  gate = gateOf(4);
});

function gateOf(concurrency: number): SecondLine {
  const none = {
    requestsPerSecond: null,
    unitsPerSecond: null,
    uploadBytesPerSecond: null,
    downloadBytesPerSecond: null,
  };
  const limits = { concurrency, ...none };
  const turnstile = new LocalTurnstile(clock);
  return new SecondLine(new PacedGate({ turnstile, holder: () => 'a', limits, clock, random: () => 1 }), clock);
}

/** Enters, and notes when it went out under its name. */
function enter(went: string[], name: string, signal?: AbortSignal): Promise<Pass> {
  const entering = name.startsWith('upkeep') ? inSecondLine(() => gate.enter(download, signal)) : gate.enter(download);
  return entering.then((pass) => {
    went.push(name);
    return pass;
  });
}

test('whoever stands in it goes when nobody else waits', async () => {
  const went: string[] = [];
  const first = [1, 2, 3, 4].map(() => enter(went, 'people'));
  await clock.pass(10);
  const later = enter(went, 'people, later');
  const upkeep = enter(went, 'upkeep');
  const last = enter(went, 'people, last');
  await clock.pass(10);
  for (const pass of [...first, later, last]) {
    (await pass).end(well);
    await clock.pass(10);
  }
  (await upkeep).end(well);
  expect(went.slice(4)).toEqual(['people, later', 'people, last', 'upkeep']);
});

test.each([
  [4, 1],
  [8, 2],
  [2, 1],
])('of %i places it takes %i', async (places, taken) => {
  gate = gateOf(places);
  const went: string[] = [];
  const all = Array.from({ length: 5 }, () => enter(went, 'upkeep'));
  await clock.pass(1_000);
  expect(went).toHaveLength(taken);
  for (let done = 1; done <= 5; done += 1) {
    (await all[done - 1]!).end(well);
    await clock.pass(10);
    expect(went).toHaveLength(Math.min(5, taken + done));
  }
});

test('where people never cease to wait, it goes after five seconds all the same', async () => {
  const went: string[] = [];
  const crowd = async () => {
    for (;;) {
      const pass = await enter(went, 'people');
      await clock.sleep(100);
      pass.end(well);
    }
  };
  for (let one = 0; one < 12; one += 1) void crowd();
  await clock.pass(100);
  const upkeep = enter(went, 'upkeep');
  await clock.pass(4_800);
  expect(went).not.toContain('upkeep');
  await clock.pass(1_000);
  expect(went).toContain('upkeep');
  (await upkeep).end(well);
});

test('whoever goes away leaves its place to the next, and takes none with it', async () => {
  const went: string[] = [];
  const held = await enter(went, 'upkeep');
  const gone = new AbortController();
  const leaving = enter(went, 'upkeep that goes away', gone.signal);
  const next = enter(went, 'upkeep, next');
  await clock.pass(10);
  gone.abort(new Error('gone'));
  await expect(leaving).rejects.toThrow('gone');
  held.end(well);
  await clock.pass(10);
  (await next).end(well);
  expect(went).toEqual(['upkeep', 'upkeep, next']);
});
