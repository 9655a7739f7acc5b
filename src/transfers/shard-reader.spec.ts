import { beforeEach, describe, expect, it } from 'vitest';
import { ByteBudget } from '#chunks';
import { digestShards, ErasureCode, shardPieces } from '#dispersal';
import { type BlobName, ConnectionAway, type StorageProvider } from '#storage';
import {
  faultyProvider,
  type FaultyProvider,
  MemoryProvider,
  type Misdeed,
  someBytes,
  VirtualClock,
} from '#storage/testing';
import { UsualTimes } from '../connections/index.js';
import type { ChunkRow } from '../contents/index.js';
import { Metrics } from '../health/index.js';
import type { ByteBudgets } from './byte-budgets.js';
import { Hedging } from './hedging.js';
import { ShardReader } from './shard-reader.js';
import type { ChunkShards } from './shard-streams.js';

const PIECE = 64 * 1024;
const sealed = someBytes(300_001, 'sealed');
const whole = { offset: 0, length: sealed.length };
const BLOB = 'aaaaaaaaaaaaaaaaaaaaaaaaaa' as BlobName;
const HANGS: Misdeed = { kind: 'hangs' };
const slow = (ms: number): Misdeed => ({ kind: 'slow', ms });

let clock: VirtualClock;
let times: UsualTimes;
let downloads: ByteBudget;
let hedging: Hedging;
/** What is being read from each place, and not closed. */
let open: Map<string, number>;
const begin = (): void => {
  clock = new VirtualClock();
  times = new UsualTimes();
  downloads = new ByteBudget(10_000_000);
  hedging = new Hedging(times, { downloads } as unknown as ByteBudgets, new Metrics());
  hedging.clock = clock;
  open = new Map();
};
beforeEach(begin);

interface Places {
  readonly chunk: ChunkShards;
  readonly faults: string[];
  readonly kept: MemoryProvider[];
  readonly gets: (place: number) => number;
  readonly read: (range?: typeof whole) => Promise<Buffer>;
  readonly findLiars: () => Promise<boolean>;
  /** Another chunk of the same places. */
  readonly forget: () => void;
}

/** A chunk whose shard `n` lies on place `n`, where reading does what is said. */
async function placesOf(data: number, parity: number, misdeeds: Record<number, Misdeed> = {}): Promise<Places> {
  const spread = { data, parity };
  const code = ErasureCode.of(spread);
  const source = {
    length: sealed.length,
    pieces: (part: typeof whole) => [sealed.subarray(part.offset, part.offset + part.length)],
  };
  const digests = await digestShards(code, source);
  const kept: MemoryProvider[] = [];
  const providers: FaultyProvider[] = [];
  for (let shard = 0; shard < data + parity; shard += 1) {
    const pieces: Buffer[] = [];
    for await (const piece of shardPieces(code, source, shard)) pieces.push(Buffer.from(piece));
    const memory = new MemoryProvider();
    memory.blobs.set(BLOB, Buffer.concat(pieces));
    await memory.writeMarker(Buffer.alloc(1));
    kept.push(memory);
    const does = misdeeds[shard];
    providers.push(faultyProvider(memory, does ? [{ method: 'get', does }] : [], clock));
  }
  const rows = digests.map((digest, shard) => ({
    shard,
    shard_offset: 0,
    shard_length: code.shardLength(sealed.length),
    digest,
    state: 'live',
    fault: null,
    connection: `place ${shard}`,
    name: BLOB,
  })) as unknown as ChunkRow[];
  const chunk: ChunkShards = { rows, failed: new Map() };
  const faults: string[] = [];
  const reader = new ShardReader({
    spread,
    provider: async (connection) => watched(connection, providers[Number(connection.split(' ')[1])] as StorageProvider),
    shunned: () => false,
    onFault: ({ connection }) => void faults.push(connection),
    hedging,
  });
  return {
    chunk,
    faults,
    kept,
    gets: (place) => providers[place]!.calls.get('get') ?? 0,
    read: async (range = whole) => {
      const pieces: Buffer[] = [];
      for await (const piece of reader.read(chunk, sealed.length, range, PIECE)) pieces.push(piece);
      return Buffer.concat(pieces);
    },
    findLiars: () => reader.findLiars(chunk),
    forget: () => chunk.failed.clear(),
  };
}

function watched(connection: string, provider: StorageProvider): StorageProvider {
  return {
    ...provider,
    async *get(name, range, options) {
      open.set(connection, (open.get(connection) ?? 0) + 1);
      try {
        yield* provider.get(name, range, options);
      } finally {
        open.set(connection, open.get(connection)! - 1);
      }
    },
  };
}

/** How long it took on the clock, in steps of 10 ms, until it was there. */
async function timed<T>(work: Promise<T>, most = 100_000): Promise<{ ms: number; result: T }> {
  let over = false;
  const done = work.finally(() => (over = true));
  done.catch(() => {});
  const began = clock.now();
  while (!over && clock.now() - began < most) {
    await clock.pass(0);
    if (!over) await clock.pass(10);
  }
  if (!over) throw new Error('it hangs');
  return { ms: clock.now() - began, result: await done };
}

const nothingIsOpen = (): void => expect([...open.values()].filter((count) => count > 0)).toEqual([]);

function* subsets(most: number, of: number, from = 0): Generator<number[]> {
  yield [];
  if (most === 0) return;
  for (let first = from; first < of; first += 1) {
    for (const rest of subsets(most - 1, of, first + 1)) yield [first, ...rest];
  }
}

describe('a place that hangs', () => {
  it.each([
    [2, 1],
    [4, 2],
    [1, 2],
    [3, 3],
  ])('costs a reader of %i+%i its hedge time, whichever places hang', async (data, parity) => {
    for (const hanging of subsets(parity, data + parity)) {
      const places = await placesOf(data, parity, Object.fromEntries(hanging.map((place) => [place, HANGS])));
      const { ms, result } = await timed(places.read());
      expect(result.equals(sealed)).toBe(true);
      // A place that is asked instead may hang as well: then it takes its own time until that is known.
      expect(ms).toBeLessThanOrEqual(200 * hanging.length + 10);
      expect([downloads.used, places.faults]).toEqual([0, []]);
      nothingIsOpen();
      begin();
    }
  });

  it('is asked after the others for a while, and then again', async () => {
    const places = await placesOf(2, 1, { 0: HANGS });
    await timed(places.read());
    const asked = places.gets(0);
    expect((await timed(places.read())).ms).toBe(0);
    expect(places.gets(0)).toBe(asked);
    await clock.pass(15_000);
    expect((await timed(places.read())).ms).toBe(200);
  });

  it('costs no more when it hangs in the middle', async () => {
    const places = await placesOf(2, 1);
    const range = { offset: 10_000, length: 200_000 };
    const memory = places.kept[0]!;
    const get = memory.get.bind(memory);
    memory.get = async function* (name, asked, options) {
      for await (const piece of get(name, asked, options)) {
        yield piece;
        await clock.sleep(1e9, options?.signal);
      }
    };
    const { ms, result } = await timed(places.read(range));
    expect(result.equals(sealed.subarray(10_000, 210_000))).toBe(true);
    expect(ms).toBe(2000);
    nothingIsOpen();
  });

  it('beside one that is dead keeps nobody waiting for its time-out', async () => {
    const dead: Misdeed = { kind: 'fails-before', error: new ConnectionAway() };
    for (const [hanging, gone] of [
      [0, 1],
      [1, 0],
      [0, 4],
      [4, 0],
    ]) {
      const places = await placesOf(4, 2, { [hanging!]: HANGS, [gone!]: dead });
      const { ms, result } = await timed(places.read());
      expect([result.equals(sealed), ms <= 410]).toEqual([true, true]);
      nothingIsOpen();
      begin();
    }
  });

  it('is not waited for where those that do answer were late before', async () => {
    const places = await placesOf(4, 2, { 1: HANGS, 4: HANGS });
    times.noteLate('place 5', clock.now());
    const { ms, result } = await timed(places.read());
    expect([result.equals(sealed), ms]).toEqual([true, 400]);
  });

  it('is got around also where another one was late for once', async () => {
    const places = await placesOf(4, 2, { 1: HANGS, 4: HANGS, 3: slow(250) });
    const { ms, result } = await timed(places.read());
    expect([result.equals(sealed), ms <= 1500]).toEqual([true, true]);
  });

  it('once is asked again where all others hang for good', async () => {
    const places = await placesOf(1, 2, { 0: HANGS, 2: HANGS });
    const memory = places.kept[1]!;
    const get = memory.get.bind(memory);
    let asked = 0;
    memory.get = async function* (...what) {
      if ((asked += 1) === 1) await clock.sleep(1e9, what[2]?.signal);
      yield* get(...what);
    };
    const { ms, result } = await timed(places.read());
    // The first, the second, the third; then nobody is left, and who was late may have been so for once.
    expect([result.equals(sealed), ms, asked]).toEqual([true, 800, 2]);
  });

  it('beside one that lies is not waited for while all are compared', async () => {
    const places = await placesOf(4, 2, { 1: HANGS });
    places.kept[2]!.blobs.set(BLOB, someBytes(places.kept[2]!.blobs.get(BLOB)!.length, 'garbage'));
    expect((await timed(places.findLiars())).result).toBe(true);
    expect(places.faults).toEqual(['place 2']);
    expect((await timed(places.read())).result.equals(sealed)).toBe(true);
  });

  it('is waited for after all where too few others are whole', async () => {
    const places = await placesOf(2, 1, { 1: slow(700) });
    places.kept[2]!.blobs.set(BLOB, someBytes(places.kept[2]!.blobs.get(BLOB)!.length, 'garbage'));
    expect((await timed(places.findLiars())).result).toBe(true);
    expect((await timed(places.read())).result.equals(sealed)).toBe(true);
  });
});

describe('asking elsewhere', () => {
  it('waits for the 95th percentile of a connection that is slower than that', async () => {
    for (let nth = 0; nth < 100; nth += 1) times.note('place 0', nth < 90 ? 150 : 900);
    const places = await placesOf(2, 1, { 0: HANGS });
    expect((await timed(places.read())).ms).toBe(900);
  });

  it('is given up when the first one answers after all, and what it held is given back', async () => {
    const places = await placesOf(2, 1, { 0: slow(210), 2: slow(100) });
    const { ms, result } = await timed(places.read());
    expect([result.equals(sealed), ms, downloads.used]).toEqual([true, 210, 0]);
    expect(times.isLate('place 0', clock.now())).toBe(false);
    nothingIsOpen();
  });

  it('does nothing while all are quick', async () => {
    const places = await placesOf(4, 2, { 0: slow(150), 3: slow(199) });
    await timed(places.read());
    expect([places.gets(4), places.gets(5)]).toEqual([0, 0]);
  });

  it('takes no memory that is not free', async () => {
    const places = await placesOf(2, 1, { 0: slow(5000) });
    const taken = downloads.tryTake(10_000_000)!;
    const reading = timed(places.read());
    await clock.pass(0);
    expect((await reading).ms).toBe(5000);
    expect(places.gets(2)).toBe(0);
    taken.release();
  });

  it('holds what it took until the one that lost has let go of everything', async () => {
    const places = await placesOf(2, 1);
    const memory = places.kept[0]!;
    const letGo = Promise.withResolvers<void>();
    // A disk that hangs hears of no abort.
    memory.get = async function* () {
      await letGo.promise;
      yield Buffer.alloc(0);
    };
    expect((await timed(places.read())).result.equals(sealed)).toBe(true);
    expect(downloads.used).toBeGreaterThan(0);
    letGo.resolve();
    await clock.pass(0);
    expect(downloads.used).toBe(0);
  });

  it('is done for thirty parts a minute where few are read, and for a tenth of them where many are', async () => {
    const hedgesOf = async (parts: number): Promise<number> => {
      for (let nth = 0; nth < parts; nth += 1) hedging.countPart();
      let hedges = 0;
      for (let nth = 0; nth < 1000; nth += 1) {
        const held = hedging.tryHedge(1);
        if (held) hedges += 1;
        held?.release();
      }
      return hedges;
    };
    expect(await hedgesOf(20)).toBe(30);
    await clock.pass(61_000);
    expect(await hedgesOf(5000)).toBe(500);
    await clock.pass(30_000);
    expect(await hedgesOf(0)).toBe(0);
    await clock.pass(31_000);
    expect(await hedgesOf(0)).toBe(30);
  });

  it('goes on later for who could not do it at once', async () => {
    const places = await placesOf(2, 1, { 0: HANGS });
    const held = Array.from({ length: 30 }, () => hedging.tryHedge(1));
    held.forEach((one) => one?.release());
    const { ms, result } = await timed(places.read());
    expect([result.equals(sealed), ms >= 59_000, ms <= 61_000]).toEqual([true, true, true]);
  });
});

describe('whom to ask first', () => {
  it('is the quicker one of mirrors', async () => {
    times.note('place 0', 400);
    times.note('place 1', 60);
    const places = await placesOf(1, 1);
    await timed(places.read());
    expect([places.gets(0), places.gets(1)]).toEqual([0, 1]);
  });

  it('is a data shard, unless decoding it is much quicker', async () => {
    times.note('place 0', 220);
    times.note('place 1', 60);
    times.note('place 2', 60);
    const places = await placesOf(2, 1);
    await timed(places.read());
    expect([places.gets(0), places.gets(2)]).toEqual([1, 0]);
    for (let nth = 0; nth < 10; nth += 1) times.note('place 0', 1100);
    await timed(places.read());
    expect([places.gets(0), places.gets(2)]).toEqual([1, 1]);
  });

  it('is none where a fault was found, as long as others will do', async () => {
    const places = await placesOf(2, 1);
    Object.assign(places.chunk.rows[0]!, { fault: 'missing' });
    await timed(places.read());
    expect(places.gets(0)).toBe(0);
  });

  it('is none that was late, also where all are said to be faulty', async () => {
    const places = await placesOf(1, 1);
    for (const row of places.chunk.rows) Object.assign(row, { fault: 'missing' });
    times.noteLate('place 0', clock.now());
    await timed(places.read());
    expect(places.gets(0)).toBe(0);
  });

  it('is one with a fault all the same where nobody else is left: the fault may be over', async () => {
    const places = await placesOf(1, 0);
    Object.assign(places.chunk.rows[0]!, { fault: 'missing' });
    expect((await timed(places.read())).result.equals(sealed)).toBe(true);
    const two = await placesOf(2, 1, { 1: { kind: 'fails-before', error: new ConnectionAway() } });
    Object.assign(two.chunk.rows[2]!, { fault: 'damaged' });
    expect((await timed(two.read())).result.equals(sealed)).toBe(true);
  });
});
