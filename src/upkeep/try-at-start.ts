import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { allConnections, ConnectionHealth, ConnectionPool, type ConnectionRow, Markers } from '../connections/index.js';
import { Database } from '../database/index.js';

/** The gateway serves first. */
const FIRST_MS = 2_000;
/** From one connection to the next: a start is no reason for a crowd at the vendors'. */
const APART_MS = 500;

/**
 * Tries each connection that is in use with a small write, once, when the gateway starts: our own marker, written over
 * as it is. So nothing is left behind wherever this is killed, and a folder that is not ours is found before it is used.
 */
@Injectable()
export class TryAtStart implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger('upkeep');
  private readonly stopping = new AbortController();
  private trying: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly health: ConnectionHealth,
    private readonly pool: ConnectionPool,
    private readonly markers: Markers,
  ) {}

  onApplicationBootstrap(): void {
    const { signal } = this.stopping;
    this.trying = pause(FIRST_MS, undefined, { signal, ref: false })
      .then(() => this.run())
      .catch((error: Error) => {
        if (!signal.aborted) this.log.warn(`The connections were not tried: ${error.message}`);
      });
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.trying;
  }

  /** Each in its turn, without waiting for the one before. */
  async run(): Promise<void> {
    const rows = (await allConnections(this.database)).filter(
      (row) => row.enabled && row.alarm === null && row.needs_reconnect_at === null,
    );
    const tries: Promise<void>[] = [];
    for (const row of rows) {
      if (tries.length > 0) await pause(APART_MS);
      if (this.stopping.signal.aborted) break;
      tries.push(this.try(row));
    }
    await Promise.all(tries);
    await this.health.flush();
  }

  private async try(row: ConnectionRow): Promise<void> {
    const began = performance.now();
    try {
      const provider = await this.pool.provider(row.id, 'short');
      if (!(await this.markers.rewrite(row, provider))) return;
      this.log.log(`Connection ${row.id} (${row.provider}) takes writes: ${Math.round(performance.now() - began)} ms.`);
    } catch (error) {
      this.health.failed(row.id, error);
      this.log.warn(`Connection ${row.id} (${row.provider}) does not take writes: ${(error as Error).message}`);
    }
  }
}
