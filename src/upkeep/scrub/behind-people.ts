import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { ConnectionPool } from '../../connections/index.js';

/** While somebody has asked for a connection so lately, a quarter of the time is taken … */
const IN_USE_MS = 1_000;
const PAUSES = 3;
/** … and no piece of work is followed by a longer pause than this. */
const LONGEST_PAUSE_MS = 10_000;
const LANES = 4;

/**
 * Keeps a scrub behind people where no gate does, as on disks: while somebody uses this gateway it rests for three times as
 * long as it works. Beside that, its requests stand in the second line of every gate.
 */
@Injectable()
export class BehindPeople {
  constructor(private readonly pool: ConnectionPool) {}

  async work<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const began = performance.now();
    const result = await work();
    if (this.pool.quietMs < IN_USE_MS) {
      const ms = Math.min(LONGEST_PAUSE_MS, PAUSES * (performance.now() - began));
      await pause(ms, undefined, { signal, ref: false });
    }
    return result;
  }

  /** A few at one time. The first failure ends all lanes, when what is under way has ended. */
  async each<T>(items: readonly T[], signal: AbortSignal, work: (item: T) => Promise<void>): Promise<void> {
    const waiting = items.values();
    let failed = false;
    const lane = async (): Promise<void> => {
      for (const item of waiting) {
        if (failed) return;
        await this.work(signal, () => work(item)).catch((error: unknown) => {
          failed = true;
          throw error;
        });
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: LANES }, lane));
    for (const one of ended) if (one.status === 'rejected') throw one.reason;
  }
}
