import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ByteBudget } from './byte-budget.js';
import { SealedStage, StagingFull, type StageRoom } from './sealed-stage.js';

const LIMIT = 10_000;

let folder: string;
let room: StageRoom;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-stage-'));
  room = { budget: new ByteBudget(LIMIT), turns: new ByteBudget(LIMIT), folder };
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true, force: true });
});

async function contents(stage: SealedStage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stage.pieces()) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function fill(stage: SealedStage, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) await stage.append([piece]);
  await stage.complete();
}

const pieces = () => Array.from({ length: 9 }, () => randomBytes(500));

describe('a sealed chunk that waits', () => {
  it('waits in memory while there is plenty, and gives back what it does not need', async () => {
    const stage = await SealedStage.open(room, 6000);
    const sealed = pieces();
    await fill(stage, sealed);
    expect([stage.onDisk, stage.length, room.budget.used]).toEqual([false, 4500, 4500]);
    expect(await contents(stage)).toEqual(Buffer.concat(sealed));
    await stage.release();
    expect(room.budget.used).toBe(0);
  });

  it('waits on disk where it is larger than all the memory there is', async () => {
    const stage = await SealedStage.open(room, LIMIT + 1);
    const sealed = pieces();
    await fill(stage, sealed);
    expect([stage.onDisk, stage.length, room.budget.used]).toEqual([true, 4500, 0]);
    expect(await contents(stage)).toEqual(Buffer.concat(sealed));
    expect(await contents(stage)).toEqual(Buffer.concat(sealed));
    await stage.release();
  });

  it('waits on disk when nobody gave memory back in time', async () => {
    const held = await room.budget.take(LIMIT);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const opening = SealedStage.open(room, 6000);
    await vi.advanceTimersByTimeAsync(2000);
    const stage = await opening;
    vi.useRealTimers();
    await fill(stage, pieces());
    expect([stage.onDisk, room.budget.used]).toEqual([true, held!.size]);
    await stage.release();
    expect(room.budget.used).toBe(LIMIT);
  });

  it('goes from memory to disk when its client is slow, and its memory is free, though nothing more comes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const stage = await SealedStage.open(room, 6000);
    const sealed = pieces();
    await stage.append(sealed.slice(0, 3));
    expect(room.budget.used).toBe(6000);
    await vi.advanceTimersByTimeAsync(3000);
    vi.useRealTimers();
    await expect.poll(() => room.budget.used).toBe(0);
    await fill(stage, sealed.slice(3));
    expect([stage.onDisk, stage.length]).toEqual([true, 4500]);
    expect(await contents(stage)).toEqual(Buffer.concat(sealed));
    await stage.release();
  });

  it.each([
    ['in memory', 6000],
    ['on disk', LIMIT + 1],
  ])('%s gives any part of itself', async (_, most) => {
    const stage = await SealedStage.open(room, most);
    const sealed = pieces();
    await fill(stage, sealed);
    const whole = Buffer.concat(sealed);
    for (const [offset, length] of [
      [0, 4500],
      [0, 1],
      [499, 2],
      [500, 500],
      [700, 2000],
      [4499, 1],
      [4500, 0],
      [1000, 0],
    ] as const) {
      const found: Buffer[] = [];
      for await (const piece of stage.pieces({ offset, length })) found.push(piece);
      expect(Buffer.concat(found)).toEqual(whole.subarray(offset, offset + length));
    }
    await stage.release();
  });

  it('leaves no name on the disk, even while it waits there', async () => {
    const stage = await SealedStage.open(room, LIMIT + 1);
    await fill(stage, pieces());
    expect(await readdir(folder)).toEqual([]);
    await stage.release();
    await stage.release();
  });

  it('on a disk that does not take it is an honest fault, and holds nothing', async () => {
    await rm(folder, { recursive: true });
    const stage = await SealedStage.open(room, LIMIT + 1);
    await expect(fill(stage, pieces())).rejects.toBeInstanceOf(StagingFull);
    await stage.release();
    expect([room.budget.used, room.turns.used]).toEqual([0, 0]);
  });

  it('that nobody waits for any more is not begun', async () => {
    await room.budget.take(LIMIT);
    const leaving = new AbortController();
    const opening = SealedStage.open(room, 6000, leaving.signal);
    const why = new Error('gone');
    leaving.abort(why);
    await expect(opening).rejects.toBe(why);
  });

  it.each([0, 1, 4])('released after %d pieces gives all back', async (count) => {
    for (const most of [6000, LIMIT + 1]) {
      const stage = await SealedStage.open(room, most);
      for (const piece of pieces().slice(0, count)) await stage.append([piece]);
      await stage.release();
      expect(room.budget.used).toBe(0);
    }
  });
});
