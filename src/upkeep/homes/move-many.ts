import { Injectable } from '@nestjs/common';
import type { Fault } from '#contracts';
import { type Clock, systemClock } from '#storage';
import { ConnectionHealth } from '../../connections/index.js';
import { type MoveOutcome, type MoveReason, MoveShard } from '../moving/index.js';
import type { WantsAway } from './lying-here.js';

/** Few, so that people who use the same connections have most of them. */
const LANES = 3;
const BUSY_LOOK_MS = 500;
const MOST_LOOKS = 60;

export interface Tally {
  readonly counts: Record<MoveOutcome, number>;
  /** Why the last one that found no place did not. */
  fault: Fault | null;
  /** Bytes read and written. */
  read: number;
  written: number;
}

export function newTally(): Tally {
  return { counts: { moved: 0, gone: 0, busy: 0, nowhere: 0, unreadable: 0 }, fault: null, read: 0, written: 0 };
}

export interface Moving {
  readonly why: MoveReason;
  readonly signal: AbortSignal;
  readonly tally: Tally;
  /** Told after each; what it throws ends all. */
  readonly each?: () => Promise<void>;
}

/** Moves some shards, a few at a time, and steps back where a connection has its hands full with what people want. */
@Injectable()
export class MoveMany {
  /** For tests. */
  clock: Clock = systemClock;

  constructor(
    private readonly move: MoveShard,
    private readonly health: ConnectionHealth,
  ) {}

  /** Resolves when none is under way any more, also where one of them throws. */
  async run(shards: readonly WantsAway[], from: string | null, moving: Moving): Promise<void> {
    const waiting = shards.values();
    let failed = false;
    const lane = async (): Promise<void> => {
      for (const shard of waiting) {
        if (failed) return;
        try {
          await this.one(shard, from, moving);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    };
    const lanes = await Promise.allSettled(Array.from({ length: LANES }, lane));
    for (const one of lanes) if (one.status === 'rejected') throw one.reason;
  }

  private async one(shard: WantsAway, from: string | null, { why, signal, tally, each }: Moving): Promise<void> {
    await this.turn([from, shard.to ?? null], signal);
    const { blob, to, avoid } = shard;
    const options = { signal, from: blob, ...(to !== undefined && { to }), ...(avoid !== undefined && { avoid }) };
    const moved = await this.move.run(shard, why, options);
    tally.counts[moved.outcome] += 1;
    tally.read += moved.read;
    tally.written += moved.written;
    if (moved.fault) tally.fault = moved.fault;
    await each?.();
  }

  /** People come first: while a connection has more waiting than it can take, nothing of ours joins the line. */
  async turn(connections: readonly (string | null)[], signal: AbortSignal): Promise<void> {
    const busy = (id: string | null): boolean => {
      const why = id === null ? null : this.health.shunned(id);
      return why === 'paused' || why === 'saturated';
    };
    for (let looks = 0; looks < MOST_LOOKS && connections.some(busy); looks += 1) {
      await this.clock.sleep(BUSY_LOOK_MS, signal);
    }
  }
}
