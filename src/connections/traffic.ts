import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Counter } from 'prom-client';
import type { GatedRequest, RequestOutcome } from '#storage';
import { Database } from '../database/index.js';
import { Metrics } from '../health/index.js';
import { fitsIntoDayIn } from './day-volume.js';
import { addCounts, countedDay, type CountedHour, type Counts } from './traffic.store.js';

const FLUSH_MS = 5_000;
/** A connection whose day is limited is written down as soon as so much of its day was sent: others hear of it. */
const SOON = 1 / 200;

/** Counts what each connection is asked and what it moves, for all gateways: in memory first, by the hour in the database soon after. */
@Injectable()
export class Traffic implements OnModuleInit, OnApplicationShutdown {
  private readonly log = new Logger('connections');
  private seen = new Map<string, Counts>();
  private readonly days = new Map<string, { limit: number; hours: CountedHour[] }>();
  private readonly requests: Counter<'provider' | 'outcome'>;
  private readonly bytes: Counter<'provider' | 'direction'>;
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    metrics: Metrics,
  ) {
    this.requests = metrics.counter({
      name: 'tessera_storage_requests_total',
      help: 'Requests to providers, by what came of them.',
      labelNames: ['provider', 'outcome'],
    });
    this.bytes = metrics.counter({
      name: 'tessera_storage_bytes_total',
      help: 'Bytes sent to and fetched from providers.',
      labelNames: ['provider', 'direction'],
    });
  }

  onModuleInit(): void {
    this.timer = setInterval(() => void this.flush(), FLUSH_MS);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  moves(connection: string, provider: string, direction: 'up' | 'down', bytes: number): void {
    if (bytes === 0) return;
    const counts = this.of(connection);
    counts[direction] += bytes;
    this.bytes.inc({ provider, direction }, bytes);
    const day = this.days.get(connection);
    if (day && direction === 'up' && counts.up > day.limit * SOON) void this.flush();
  }

  request(connection: string, provider: string, outcome: RequestOutcome['kind']): void {
    const counts = this.of(connection);
    counts.requests += 1;
    if (outcome === 'failed') counts.failures += 1;
    if (outcome === 'throttled') counts.throttles += 1;
    this.requests.inc({ provider, outcome });
  }

  /** From now on its day is known, so that `dayIsFullFor` can tell. */
  limitDay(connection: string, limit: number | null): void {
    const known = this.days.get(connection);
    if (limit === null) return void this.days.delete(connection);
    this.days.set(connection, { limit, hours: known?.hours ?? [] });
    if (!known) void this.flush();
  }

  /** How long it takes until so many bytes may be sent there, as far as this gateway knows. */
  dayIsFullFor(connection: string, bytes = 1): number {
    const day = this.days.get(connection);
    if (!day) return 0;
    const unwritten = { ago: 0, up: this.seen.get(connection)?.up ?? 0 };
    return fitsIntoDayIn([...day.hours, unwritten], day.limit, bytes, Date.now() % 3_600_000);
  }

  /** Writes down what was seen, and reads how far the days are that are limited. */
  flush(): Promise<void> {
    return (this.flushing = this.flushing.then(() => this.flushOnce()));
  }

  private async flushOnce(): Promise<void> {
    const { seen } = this;
    if (seen.size === 0 && this.days.size === 0) return;
    this.seen = new Map();
    try {
      if (seen.size > 0) await addCounts(this.database, seen);
    } catch (error) {
      for (const [id, counts] of seen) add(this.of(id), counts);
      return this.log.warn(`What connections moved is written down later: ${(error as Error).message}`);
    }
    // Those of the days that were just written must not be missing meanwhile.
    for (const [id, { up }] of seen) this.days.get(id)?.hours.push({ ...nothing(), ago: 0, up });
    try {
      for (const [id, hours] of await countedDay(this.database, [...this.days.keys()])) {
        const day = this.days.get(id);
        if (day) day.hours = hours;
      }
    } catch {
      // What was known goes on.
    }
  }

  private of(connection: string): Counts {
    let counts = this.seen.get(connection);
    if (!counts) this.seen.set(connection, (counts = nothing()));
    return counts;
  }
}

/** What it is about a request that counts before it is sent. */
export function movedBy({ kind, bytes = 0 }: GatedRequest): { direction: 'up' | 'down'; bytes: number } | null {
  if (kind === 'upload') return { direction: 'up', bytes };
  return kind === 'download' ? { direction: 'down', bytes } : null;
}

function nothing(): Counts {
  return { requests: 0, failures: 0, throttles: 0, up: 0, down: 0 };
}

function add(to: Counts, more: Counts): void {
  for (const name of Object.keys(to) as (keyof Counts)[]) to[name] += more[name];
}
