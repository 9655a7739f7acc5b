import { Injectable } from '@nestjs/common';
import type { Counter } from 'prom-client';
import type { Allowance } from '#chunks';
import { type Clock, systemClock } from '#storage';
import { UsualTimes } from '../connections/index.js';
import { Metrics } from '../health/index.js';
import { ByteBudgets } from './byte-budgets.js';

/** Nobody is asked instead of a connection before this, however quick it usually is: a hiccup of a disk or a line is shorter. */
const LEAST_PATIENCE_MS = 200;
/** For the bytes after the first, where a connection's own time says little: how long it takes is a matter of the line. */
const STALL_MS = 2_000;
/** Of the parts of a minute, one in so many may be asked for twice. */
const ONE_IN = 10;
/** So many may be in any minute: where few read, asking twice cannot be what makes everything slow. */
const ALWAYS = 30;
const SECONDS = 60;

/**
 * When somebody else is asked for the same bytes, how often, and what is learnt from who answers first. When everything is
 * slow, asking twice would double the trouble: no more than a tenth of all parts of a minute are. What a further way may
 * have in hand comes out of the downloads' bytes, and where none are free at the moment it is not taken.
 */
@Injectable()
export class Hedging {
  clock: Clock = systemClock;
  readonly againMs = LEAST_PATIENCE_MS;
  private readonly minute = Array.from({ length: SECONDS }, () => ({ second: -1, parts: 0, hedges: 0 }));
  private readonly hedges: Counter<'outcome'>;

  constructor(
    private readonly times: UsualTimes,
    private readonly budgets: ByteBudgets,
    metrics: Metrics,
  ) {
    this.hedges = metrics.counter({
      name: 'tessera_read_hedges_total',
      help: 'Reads of which a part was late, by what came of asking elsewhere.',
      labelNames: ['outcome'],
    });
  }

  /** How long this connection may take. */
  patienceMs(connection: string, firstByte: boolean): number {
    const usual = Math.max(LEAST_PATIENCE_MS, this.times.of(connection)?.p95Ms ?? 0);
    return firstByte ? usual : Math.max(STALL_MS, usual);
  }

  medianMs(connection: string): number {
    return this.times.of(connection)?.medianMs ?? 0;
  }

  isLate(connection: string): boolean {
    return this.times.isLate(connection, this.clock.now());
  }

  answered(connection: string, ms: number): void {
    this.times.note(connection, ms);
  }

  countPart(): void {
    this.thisSecond().parts += 1;
  }

  /** Room for what another way to a part has in hand, if one may be tried now. */
  tryHedge(bytes: number): Allowance | null {
    const { parts, hedges } = this.lastMinute();
    if (hedges >= Math.max(ALWAYS, parts / ONE_IN)) {
      this.hedges.inc({ outcome: 'too-many' });
      return null;
    }
    const held = this.budgets.downloads.tryTake(bytes);
    if (!held) this.hedges.inc({ outcome: 'no-room' });
    else this.thisSecond().hedges += 1;
    return held;
  }

  decided(anotherWon: boolean, silent: readonly string[]): void {
    this.hedges.inc({ outcome: anotherWon ? 'won' : 'lost' });
    for (const connection of silent) this.late(connection);
  }

  /** It is asked after the others for a while. */
  late(connection: string): void {
    this.times.noteLate(connection, this.clock.now());
  }

  private thisSecond(): { parts: number; hedges: number } {
    const second = this.second();
    const bucket = this.minute[second % SECONDS] as (typeof this.minute)[number];
    if (bucket.second !== second) Object.assign(bucket, { second, parts: 0, hedges: 0 });
    return bucket;
  }

  private lastMinute(): { parts: number; hedges: number } {
    const oldest = this.second() - SECONDS;
    const sum = { parts: 0, hedges: 0 };
    for (const { second, parts, hedges } of this.minute) {
      if (second <= oldest) continue;
      sum.parts += parts;
      sum.hedges += hedges;
    }
    return sum;
  }

  private second(): number {
    return Math.floor(this.clock.now() / 1000);
  }
}
