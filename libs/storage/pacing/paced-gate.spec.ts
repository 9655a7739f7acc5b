import { beforeEach, describe, expect, test } from 'vitest';
import { ConnectionResting, Throttled } from '../errors.js';
import type { GatedRequest, Pass, RequestOutcome } from '../request-gate.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import type { GateLimits } from './flows.js';
import { PacedGate } from './paced-gate.js';
import { LocalTurnstile, type Turnstile } from './turnstile.js';

const free: GateLimits = {
  concurrency: 4,
  requestsPerSecond: null,
  unitsPerSecond: null,
  uploadBytesPerSecond: null,
  downloadBytesPerSecond: null,
};
const upload: GatedRequest = { kind: 'upload' };
const look: GatedRequest = { kind: 'look' };
const well: RequestOutcome = { kind: 'answered' };

let clock: VirtualClock;
let turnstile: Turnstile;
let names = 0;
beforeEach(() => {
  clock = new VirtualClock();
  turnstile = new LocalTurnstile(clock);
});

function gate(limits: Partial<GateLimits> = {}, shared = turnstile): PacedGate {
  const holder = `gateway ${(names += 1)}`;
  return new PacedGate({
    turnstile: shared,
    holder: () => holder,
    limits: { ...free, ...limits },
    clock,
    random: () => 1,
  });
}

/** What a call came to, as soon as it has. */
function watch<T>(call: Promise<T>): { value?: T; error?: unknown } {
  const seen: { value?: T; error?: unknown } = {};
  call.then(
    (value) => (seen.value = value),
    (error: unknown) => (seen.error = error),
  );
  return seen;
}

/** Sends requests one after the other, each taking so long, and notes when each went out. */
async function send(through: PacedGate, request: GatedRequest, times: number[], count: number, takesMs = 1) {
  for (let i = 0; i < count; i += 1) {
    const pass = await through.enter(request);
    times.push(clock.now());
    await clock.sleep(takesMs);
    pass.end(well);
  }
}

async function throttle(through: PacedGate, afterMs: number | null): Promise<void> {
  const entering = through.enter(look);
  await clock.pass(0);
  (await entering).end({ kind: 'throttled', afterMs });
  await clock.pass(0);
}

describe('places', () => {
  test('are as many as the limit says, and the next in line follows each that ends', async () => {
    const one = gate({ concurrency: 2 });
    const calls = [1, 2, 3, 4].map(() => watch(one.enter(upload)));
    await clock.pass(100);
    expect(calls.map(({ value }) => value !== undefined)).toEqual([true, true, false, false]);
    calls[0]!.value!.end(well);
    await clock.pass(0);
    expect(calls[2]!.value).toBeDefined();
    expect(calls[3]!.value).toBeUndefined();
  });

  test('are given to kinds in turn: a look passes a line of uploads', async () => {
    const one = gate({ concurrency: 1 });
    const first = watch(one.enter(upload));
    await clock.pass(1);
    const uploads = [1, 2, 3].map(() => watch(one.enter(upload)));
    const looking = watch(one.enter(look));
    first.value!.end(well);
    await clock.pass(1);
    expect(looking.value).toBeDefined();
    expect(uploads.every(({ value }) => value === undefined)).toBe(true);
  });

  test('are shared by gateways: neither has more than half while both want some, and none stays unused', async () => {
    const [one, two] = [gate(), gate()];
    const held: Pass[] = [];
    for (let i = 0; i < 4; i += 1) void one.enter(upload).then((pass) => held.push(pass));
    await clock.pass(10);
    expect(held).toHaveLength(4);
    const others = [1, 2, 3].map(() => watch(two.enter(upload)));
    const more = [1, 2, 3].map(() => watch(one.enter(upload)));
    for (const pass of held) {
      pass.end(well);
      await clock.pass(100);
    }
    const given = (calls: { value?: Pass }[]) => calls.filter(({ value }) => value !== undefined).length;
    expect([given(others), given(more)]).toEqual([2, 2]);
  });

  test('come to a gateway that asks seldom, too, where there is one place only', async () => {
    const [busy, quiet] = [gate({ concurrency: 1 }), gate({ concurrency: 1 })];
    const [busyTimes, quietTimes]: [number[], number[]] = [[], []];
    for (let i = 0; i < 5; i += 1) void send(busy, upload, busyTimes, 20, 30);
    await clock.pass(100);
    void send(quiet, upload, quietTimes, 10, 30);
    await clock.pass(2_000);
    expect(quietTimes.length).toBe(10);
    expect(busyTimes.length).toBeGreaterThan(20);
  });

  test('are free again when a gateway that held them is gone', async () => {
    const [dead, alive] = [gate({ concurrency: 1 }), gate({ concurrency: 1 })];
    await turnstile.turn({
      holder: 'dead',
      held: 0,
      wants: true,
      most: 1,
      flows: [],
      pauseMs: 0,
    });
    const early = watch(alive.enter(upload));
    await clock.pass(11_000);
    expect(early.error).toBeInstanceOf(Throttled);
    await clock.pass(20_000);
    const late = watch(alive.enter(upload));
    await clock.pass(100);
    expect(late.value).toBeDefined();
    expect(dead.state().inHand).toBe(0);
  });
});

describe('flows', () => {
  test('keep to a rate, over gateways', async () => {
    const times: number[] = [];
    const [one, two] = [gate({ requestsPerSecond: 20 }), gate({ requestsPerSecond: 20 })];
    for (const each of [one, two]) for (let i = 0; i < 4; i += 1) void send(each, upload, times, 100);
    await clock.pass(10_000);
    for (let from = 0; from < 9_000; from += 100) {
      const within = times.filter((time) => time >= from && time < from + 1000).length;
      expect(within).toBeLessThanOrEqual(20 + 6);
    }
    expect(times.length).toBeGreaterThan(195);
    expect(times.length).toBeLessThanOrEqual(206);
  });

  test('count in the units of the provider, and in bytes', async () => {
    const [one, two]: [number[], number[]] = [[], []];
    void send(gate({ unitsPerSecond: 100 }), { kind: 'download', units: 50 }, one, 100);
    void send(gate({ uploadBytesPerSecond: 1000 }, new LocalTurnstile(clock)), { kind: 'upload', bytes: 2000 }, two, 9);
    await clock.pass(10_000);
    expect(one.length).toBeGreaterThanOrEqual(20);
    expect(one.length).toBeLessThanOrEqual(21);
    expect(two).toHaveLength(6);
  });

  test('refuse at once what would wait for longer than anybody should', async () => {
    const one = gate({ requestsPerSecond: 1 });
    const calls = Array.from({ length: 15 }, () => watch(one.enter(upload)));
    await clock.pass(0);
    const refused = calls.filter(({ error }) => error instanceof Throttled);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(10);
    expect(one.state().backlogMs).toBeGreaterThan(2_000);
    await clock.pass(12_000);
    expect(calls.every(({ value, error }) => value !== undefined || error !== undefined)).toBe(true);
  });
});

describe('a throttle', () => {
  test('stops every gateway until it is over', async () => {
    const [one, two] = [gate(), gate()];
    await throttle(one, 30_000);
    const inOther = watch(two.enter(upload));
    await clock.pass(10);
    expect((inOther.error as Throttled).retryAfterMs).toBeGreaterThan(29_000);
    await expect(one.enter(upload)).rejects.toBeInstanceOf(Throttled);
    await clock.pass(30_000);
    const after = watch(two.enter(upload));
    await clock.pass(100);
    expect(after.value).toBeDefined();
  });

  test('takes back a turn that is on its way from the turnstile', async () => {
    const answers: (() => void)[] = [];
    const slow: Turnstile = {
      turn: async (ask) => {
        const answer = await turnstile.turn(ask);
        await new Promise<void>((resolve) => answers.push(resolve));
        return answer;
      },
    };
    const one = gate({}, slow);
    const first = watch(one.enter(upload));
    await clock.pass(0);
    answers.shift()!();
    await clock.pass(0);
    const second = watch(one.enter(upload));
    await clock.pass(0);
    first.value!.end({ kind: 'throttled', afterMs: 5_000 });
    answers.shift()!();
    await clock.pass(0);
    expect(second.value).toBeUndefined();
    expect(second.error).toBeInstanceOf(Throttled);
  });

  test('that does not say for how long is answered with pauses that grow', async () => {
    const one = gate();
    const pauses: number[] = [];
    for (let i = 0; i < 9; i += 1) {
      await throttle(one, null);
      pauses.push(Math.round(one.state().pausedMs / 1000));
      await clock.pass(one.state().pausedMs + 1000);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 64, 64]);
  });

  test('counts once, however many requests were under way', async () => {
    const one = gate();
    const calls = [1, 2, 3, 4].map(() => watch(one.enter(upload)));
    await clock.pass(0);
    for (const { value } of calls) value!.end({ kind: 'throttled', afterMs: null });
    expect(one.state().learned).toMatchObject({ throttles: 1, concurrency: 2 });
  });

  test('teaches a pace below that at which it hurt, and a service of unknown rate is left in peace from then on', async () => {
    const one = gate({ concurrency: 8 });
    const server = new RateServer(10);
    let refused = 0;
    const client = async () => {
      for (let sent = 0; sent < 1000;) {
        const pass = await one.enter(upload).catch(() => null);
        if (!pass) {
          await clock.sleep(500);
          continue;
        }
        sent += 1;
        const fine = server.take(clock.now());
        await clock.sleep(20);
        if (!fine) refused += 1;
        pass.end(fine ? well : { kind: 'throttled', afterMs: 1000 });
      }
    };
    for (let i = 0; i < 8; i += 1) void client();
    await clock.pass(60_000);
    const learning = refused;
    expect(learning).toBeGreaterThan(0);
    const before = server.taken;
    await clock.pass(120_000);
    expect(refused).toBe(learning);
    expect(server.taken - before).toBeGreaterThan(120 * 5);
  });

  test('in a short burst after a rest is not believed for long', async () => {
    const one = gate();
    const calls = [1, 2, 3, 4].map(() => watch(one.enter(upload)));
    await clock.pass(0);
    for (const { value } of calls) value!.end({ kind: 'throttled', afterMs: 2000 });
    await clock.pass(3_000);
    expect(one.state().learned).toMatchObject({ trust: 0, rate: 2 });
    const times: number[] = [];
    void send(one, upload, times, 100_000, 10);
    await clock.pass(180_000);
    expect(times.filter((time) => time > clock.now() - 10_000).length).toBeGreaterThan(400);
  });

  test('is forgotten bit by bit: after long calms the pace is what it was', async () => {
    const one = gate({ requestsPerSecond: 10 });
    const times: number[] = [];
    void send(one, look, times, 100_000, 2_000);
    await clock.pass(2_000);
    await throttle(gate({ requestsPerSecond: 10 }), 1000);
    await clock.pass(2_000);
    expect(one.state().learned.rate).toBeLessThan(5);
    await clock.pass(3 * 3_600_000);
    expect(one.state().learned.rate).toBeNull();
  });
});

describe('the circuit', () => {
  const failed: RequestOutcome = { kind: 'failed' };
  async function fail(through: PacedGate, times: number): Promise<void> {
    for (let i = 0; i < times; i += 1) {
      const entering = through.enter(look);
      await clock.pass(0);
      (await entering).end(failed);
      await clock.pass(0);
    }
  }

  test('opens after failures in a row, for all gateways, and not after fewer', async () => {
    const [one, two] = [gate(), gate()];
    await fail(one, 4);
    const pass = await one.enter(look);
    pass.end(well);
    await fail(one, 4);
    expect(one.state().resting).toBe(false);
    await fail(one, 1);
    expect(one.state()).toMatchObject({ resting: true, pausedMs: 1000 });
    const there = watch(two.enter(look));
    await clock.pass(10);
    expect(two.state().resting).toBe(true);
    expect(there.value).toBeUndefined();
  });

  test('lets one request through at a time, over all gateways, and closes when it is answered', async () => {
    const [one, two] = [gate(), gate()];
    await fail(one, 5);
    const calls = [one, one, two, two].map((each) => watch(each.enter(look)));
    await clock.pass(1500);
    const through = calls.filter(({ value }) => value !== undefined);
    expect(through).toHaveLength(1);
    through[0]!.value!.end(well);
    await clock.pass(500);
    expect(calls.filter(({ value }) => value !== undefined)).toHaveLength(4);
    expect([one.state().resting, two.state().resting]).toEqual([false, false]);
  });

  test('rests longer after each failed trial, up to a minute', async () => {
    const one = gate();
    await fail(one, 5);
    const rests: number[] = [];
    for (let i = 0; i < 9; i += 1) {
      rests.push(one.state().pausedMs / 1000);
      await clock.pass(one.state().pausedMs);
      await fail(one, 1);
    }
    expect(rests).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    await expect(one.enter(look)).rejects.toBeInstanceOf(ConnectionResting);
  });
});

describe('whoever gives up waiting', () => {
  test('leaves the line, and its turn goes to the next', async () => {
    const one = gate({ concurrency: 1 });
    const first = watch(one.enter(upload));
    await clock.pass(0);
    const leaving = new AbortController();
    const second = watch(one.enter(upload, leaving.signal));
    const third = watch(one.enter(upload));
    await clock.pass(0);
    leaving.abort(new Error('gone'));
    await clock.pass(0);
    expect(second.error).toMatchObject({ message: 'gone' });
    first.value!.end(well);
    await clock.pass(0);
    expect(third.value).toBeDefined();
    await expect(one.enter(upload, leaving.signal)).rejects.toThrow('gone');
  });

  test('gives back a turn that came too late', async () => {
    const one = gate({ concurrency: 1 });
    const leaving = new AbortController();
    const gone = watch(one.enter(upload, leaving.signal));
    leaving.abort(new Error('gone'));
    await clock.pass(500);
    expect(gone.error).toBeDefined();
    const next = watch(gate({ concurrency: 1 }).enter(upload));
    await clock.pass(100);
    expect(next.value).toBeDefined();
  });
});

/** Takes so many requests in any second. */
class RateServer {
  taken = 0;
  private times: number[] = [];
  constructor(private readonly perSecond: number) {}

  take(now: number): boolean {
    this.times = this.times.filter((time) => time > now - 1000);
    if (this.times.length >= this.perSecond) return false;
    this.times.push(now);
    this.taken += 1;
    return true;
  }
}
