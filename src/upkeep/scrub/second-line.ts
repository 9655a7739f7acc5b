import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { ConnectionHealth } from '../../connections/index.js';

/** A connection that somebody has used so lately is in use. */
const IN_USE_MS = 1_000;
/** Of a connection in use, upkeep takes a quarter of the time. */
const PAUSES = 3;
const LONGEST_PAUSE_MS = 10_000;
const LANES = 4;

/** Keeps upkeep behind people: while somebody uses a connection, it pauses for three times as long as it works there. */
@Injectable()
export class SecondLine {
  constructor(private readonly health: ConnectionHealth) {}

  async work<T>(connection: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const began = performance.now();
    const result = await work();
    if (this.health.unusedMs(connection) < IN_USE_MS) {
      const ms = Math.min(LONGEST_PAUSE_MS, PAUSES * (performance.now() - began));
      await pause(ms, undefined, { signal, ref: false });
    }
    return result;
  }

  /** A few at one time. The first failure ends all lanes, when what is under way has ended. */
  async each<T>(
    items: readonly T[],
    turn: { connection: string; signal: AbortSignal },
    work: (item: T) => Promise<void>,
  ) {
    const waiting = items.values();
    let failed = false;
    const lane = async (): Promise<void> => {
      for (const item of waiting) {
        if (failed) return;
        await this.work(turn.connection, turn.signal, () => work(item)).catch((error: unknown) => {
          failed = true;
          throw error;
        });
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: LANES }, lane));
    for (const one of ended) if (one.status === 'rejected') throw one.reason;
  }
}
