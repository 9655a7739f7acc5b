import { Injectable, Logger } from '@nestjs/common';
import type { Gauge } from 'prom-client';
import { Database } from '../../database/index.js';
import { Metrics } from '../../health/index.js';
import { chunksByLossesLeft, faultsByKind, movesByReason, scrubAges, spooledShards } from './gateway-figures.store.js';

/** Whoever scrapes, and however often, the tables are asked once in this time. */
const FRESH_MS = 10_000;

/** How the whole gateway's chunks stand, asked from the database when somebody looks. No label names an account. */
@Injectable()
export class DurabilityMetrics {
  private readonly log = new Logger('upkeep');

  constructor(
    private readonly database: Database,
    private readonly metrics: Metrics,
  ) {
    this.gauge(
      'tessera_weak_chunks',
      'Chunks with fewer shards than were meant, by how many further losses they survive; “lost” cannot be read now.',
      ['survives'],
      async () =>
        (await chunksByLossesLeft(this.database)).map(({ survives, chunks }) => [
          { survives: survives < 0 ? 'lost' : String(survives) },
          chunks,
        ]),
    );
    this.gauge('tessera_faulty_shards', 'Shards that are known to be missing or damaged.', ['fault'], async () =>
      (await faultsByKind(this.database)).map(({ fault, blobs }) => [{ fault }, blobs]),
    );
    this.gauge('tessera_moving_shards', 'Shards that some gateway is moving.', ['why'], async () =>
      (await movesByReason(this.database)).map(({ why, shards }) => [{ why }, shards]),
    );
    this.gauge('tessera_spooled_shards', 'Shards that wait in a spool.', [], async () => [
      [{}, await spooledShards(this.database)],
    ]);
    this.gauge(
      'tessera_scrub_age_seconds',
      'Since a connection was last looked through: each of the house’s, and of people’s own the one that waits longest.',
      ['provider', 'connection'],
      async () =>
        (await scrubAges(this.database)).map(({ provider, connection, seconds }) => [
          { provider, connection: connection ?? 'own' },
          seconds,
        ]),
    );
  }

  private gauge<L extends string>(
    name: string,
    help: string,
    labelNames: L[],
    read: () => Promise<[Partial<Record<L, string>>, number][]>,
  ): void {
    let readAt = -Infinity;
    const { log } = this;
    this.metrics.gauge<L>({
      name,
      help,
      labelNames,
      async collect(this: Gauge<L>) {
        if (performance.now() - readAt < FRESH_MS) return;
        readAt = performance.now();
        // What cannot be read now is told when the database is back; the other figures do not wait for it.
        const values = await read().catch((error: Error) => log.warn(`${name} cannot be told now: ${error.message}`));
        if (!values) return;
        this.reset();
        for (const [labels, value] of values) this.set(labels, value);
      },
    });
  }
}
