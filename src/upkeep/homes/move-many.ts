import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Fault } from '#contracts';
import { ConnectionPool } from '../../connections/index.js';
import { type Moved, type MoveOptions, type MoveOutcome, type MoveReason, MoveShard } from '../moving/index.js';
import type { WantsAway } from './lying-here.js';

/** Most of a move is waiting for connections. */
const LANES = 4;
const QUIET_MS = 1_000;
const REST_MS = 200;

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

/** Moves some shards, a few at a time; while people are served, all lanes but one rest. */
@Injectable()
export class MoveMany {
  constructor(
    private readonly move: MoveShard,
    private readonly pool: ConnectionPool,
  ) {}

  /** Resolves when none is under way any more, also where one of them throws. */
  async run(shards: readonly WantsAway[], { why, signal, tally, each }: Moving): Promise<void> {
    const waiting = [...shards];
    let failed = false;
    const lane = async (first: boolean): Promise<void> => {
      for (;;) {
        while (!first && waiting.length > 0 && this.pool.quietMs < QUIET_MS) {
          await pause(REST_MS, undefined, { signal, ref: false });
        }
        const shard = waiting.shift();
        if (!shard || failed) return;
        add(tally, await this.move.run(shard, why, optionsFor(shard, signal)));
        await each?.();
      }
    };
    const lanes = Array.from({ length: LANES }, (_, nth) =>
      lane(nth === 0).catch((error: unknown) => {
        failed = true;
        throw error;
      }),
    );
    for (const one of await Promise.allSettled(lanes)) if (one.status === 'rejected') throw one.reason;
  }
}

function optionsFor({ blob, to, avoid }: WantsAway, signal: AbortSignal): MoveOptions {
  return { signal, from: blob, ...(to !== undefined && { to }), ...(avoid !== undefined && { avoid }) };
}

function add(tally: Tally, { outcome, read, written, fault }: Moved): void {
  tally.counts[outcome] += 1;
  tally.read += read;
  tally.written += written;
  if (fault) tally.fault = fault;
}
