import { describe, expect, it } from 'vitest';
import { newBlobName } from '../blob-name.js';
import {
  AccessRefused,
  BlobMismatch,
  BlobTruncated,
  ConnectionAway,
  ConnectionFull,
  ConnectionResting,
  SettingRefused,
  Throttled,
} from '../errors.js';
import {
  bodyOf,
  faultyProvider,
  memoryProvider,
  type Misdeed,
  readAll,
  someBytes,
  TestClock,
} from '../testing/index.js';
import { briskRetryBudget, retrying, type RetryBudget } from './retrying.js';

const bytes = someBytes(300_000);
const away: Misdeed = { kind: 'fails-before', error: new ConnectionAway() };

async function setUp(
  does: Misdeed,
  { nth, random = () => 0.5, budget }: { nth?: number[]; random?: () => number; budget?: Partial<RetryBudget> } = {},
) {
  const clock = new TestClock();
  const memory = await memoryProvider();
  const faulty = faultyProvider(memory, [{ method: 'put', nth, does }], clock);
  return { clock, memory, faulty, provider: retrying(faulty, { clock, random, budget }) };
}

describe('A provider that is retried', () => {
  it('calls again until it works', async () => {
    const { provider, faulty, memory } = await setUp(away, { nth: [1, 2, 3] });
    const name = newBlobName();
    await provider.put(name, bodyOf(bytes));
    expect(faulty.calls.get('put')).toBe(4);
    expect(memory.blobs.get(name)).toEqual(bytes);
  });

  it('reads the body afresh for each try', async () => {
    const { provider } = await setUp({ kind: 'fails-after' }, { nth: [1, 2] });
    let begun = 0;
    const body = bodyOf(bytes);
    await provider.put(newBlobName(), {
      length: body.length,
      pieces: () => {
        begun += 1;
        return body.pieces();
      },
    });
    expect(begun).toBe(3);
  });

  it.each([
    ['half the dice', () => 0.5, [250, 500, 1000, 2000, 4000, 8000]],
    ['the lowest dice', () => 0, [0, 0, 0, 0, 0, 0]],
    ['dice up to a cap', () => 0.999, [499.5, 999, 1998, 3996, 7992, 15_984]],
  ])('waits longer each time, with full jitter: %s', async (_dice, random, waits) => {
    const { provider, clock, faulty } = await setUp(away, { random });
    await expect(provider.put(newBlobName(), bodyOf(bytes))).rejects.toThrow(ConnectionAway);
    expect(clock.sleeps).toEqual(waits);
    expect(faulty.calls.get('put')).toBe(7);
  });

  it('waits no longer than the cap between two tries', async () => {
    const { provider, clock } = await setUp(away, { random: () => 0.5, budget: { capMs: 700 } });
    await expect(provider.put(newBlobName(), bodyOf(bytes))).rejects.toThrow(ConnectionAway);
    expect(clock.sleeps).toEqual([250, 350, 350, 350, 350, 350]);
  });

  it('never calls inside the time that the provider wants to be left alone', async () => {
    const { provider, clock } = await setUp({ kind: 'throttled', retryAfterMs: 20_000 }, { nth: [1, 2] });
    await provider.put(newBlobName(), bodyOf(bytes));
    expect(clock.sleeps).toEqual([20_250, 20_500]);
  });

  it('hands a wait that is too long to its caller, at once', async () => {
    const { provider, clock } = await setUp({ kind: 'throttled', retryAfterMs: 900_000 });
    const error: unknown = await provider.put(newBlobName(), bodyOf(bytes)).catch((fault: unknown) => fault);
    expect(error).toBeInstanceOf(Throttled);
    expect(error).toMatchObject({ retryAfterMs: 900_000 });
    expect(clock.sleeps).toEqual([]);
  });

  it('ends within its time, however many attempts it has', async () => {
    const { provider, clock } = await setUp(away, { random: () => 0.9, budget: { attempts: 1000, totalMs: 60_000 } });
    await expect(provider.put(newBlobName(), bodyOf(bytes))).rejects.toThrow(ConnectionAway);
    expect(clock.now()).toBeLessThanOrEqual(60_000);
    expect(clock.now()).toBeGreaterThan(25_000);
  });

  it.each([
    new ConnectionFull(),
    new AccessRefused(),
    new BlobMismatch(),
    new SettingRefused('path', 'no'),
    new TypeError('a mistake'),
  ])('does not retry %s', async (error) => {
    const { provider, faulty, clock } = await setUp({ kind: 'fails-before', error });
    await expect(provider.put(newBlobName(), bodyOf(bytes))).rejects.toBe(error);
    expect(faulty.calls.get('put')).toBe(1);
    expect(clock.sleeps).toEqual([]);
  });

  it('stops waiting when its caller goes', async () => {
    const leaving = new AbortController();
    const memory = await memoryProvider();
    const faulty = faultyProvider(memory, [{ method: 'put', does: away }]);
    const provider = retrying(faulty, {
      random: () => 0.99,
      budget: { baseMs: 3_600_000, capMs: 3_600_000, totalMs: 1e9 },
    });
    const call = provider.put(newBlobName(), bodyOf(bytes), { signal: leaving.signal });
    setImmediate(() => leaving.abort(new Error('gone')));
    await expect(call).rejects.toThrow('gone');
    expect(faulty.calls.get('put')).toBe(1);
  });

  it('waits for writing by a budget of its own, where there is one', async () => {
    const clock = new TestClock();
    const faulty = faultyProvider(await memoryProvider(), [
      { method: 'put', does: away },
      { method: 'stat', does: away },
    ]);
    const provider = retrying(faulty, { clock, random: () => 0.5, writing: briskRetryBudget });
    await expect(provider.put(newBlobName(), bodyOf(bytes))).rejects.toBeInstanceOf(ConnectionAway);
    await expect(provider.stat(newBlobName())).rejects.toBeInstanceOf(ConnectionAway);
    expect([faulty.calls.get('put'), faulty.calls.get('stat')]).toEqual([3, 7]);
  });

  it.each([
    ['what asked for quiet', new Throttled(3000)],
    ['what rests after failures', new ConnectionResting(3000)],
  ])('begins no wait that is longer than one may be: %s', async (_what, error) => {
    const budget = { longestWaitMs: 2_000 };
    const { provider, clock } = await setUp({ kind: 'fails-before', error }, { budget });
    await expect(provider.put(newBlobName(), bodyOf(bytes))).rejects.toBe(error);
    expect(clock.sleeps).toEqual([]);
  });

  it('lets everybody go when it is to stop, with what had failed', async () => {
    const stop = new AbortController();
    const faulty = faultyProvider(await memoryProvider(), [{ method: 'put', does: away }]);
    const provider = retrying(faulty, {
      random: () => 0.99,
      stop: stop.signal,
      budget: { baseMs: 3_600_000, capMs: 3_600_000, totalMs: 1e9 },
    });
    const call = provider.put(newBlobName(), bodyOf(bytes));
    setImmediate(() => stop.abort());
    await expect(call).rejects.toBeInstanceOf(ConnectionAway);
    expect(faulty.calls.get('put')).toBe(1);
  });

  it('goes on with a get at the byte that was reached', async () => {
    const clock = new TestClock();
    const memory = await memoryProvider();
    const name = newBlobName();
    await memory.put(name, bodyOf(bytes));
    const faulty = faultyProvider(memory, [
      { method: 'get', nth: 1, does: { kind: 'breaks', after: 100_001 } },
      { method: 'get', nth: 2, does: { kind: 'breaks', after: 0 } },
      { method: 'get', nth: 3, does: { kind: 'breaks', after: 150_000 } },
    ]);
    const asked: (readonly [number, number])[] = [];
    const watched = {
      ...faulty,
      get: (...args: Parameters<typeof faulty.get>) => {
        asked.push([args[1].offset, args[1].length]);
        return faulty.get(...args);
      },
    };
    const provider = retrying(watched, { clock });
    expect(
      (await readAll(provider, name, { offset: 7, length: 290_000 }, 4096)).equals(bytes.subarray(7, 290_007)),
    ).toBe(true);
    expect(asked).toEqual([
      [7, 290_000],
      [100_008, 189_999],
      [100_008, 189_999],
      [250_008, 39_999],
    ]);
  });

  it('does not ask again for what has all come, when only the end was lost', async () => {
    const memory = await memoryProvider();
    const name = newBlobName();
    await memory.put(name, bodyOf(bytes));
    const faulty = faultyProvider(memory, [{ method: 'get', does: { kind: 'fails-after' } }]);
    expect(await readAll(retrying(faulty, { clock: new TestClock() }), name, { offset: 0, length: 1000 })).toHaveLength(
      1000,
    );
    expect(faulty.calls.get('get')).toBe(1);
  });

  it('does not read a blob that is too short again and again', async () => {
    const memory = await memoryProvider();
    const name = newBlobName();
    await memory.put(name, bodyOf(someBytes(10)));
    const faulty = faultyProvider(memory, []);
    await expect(readAll(retrying(faulty), name, { offset: 0, length: 11 })).rejects.toThrow(BlobTruncated);
    expect(faulty.calls.get('get')).toBe(1);
  });
});
