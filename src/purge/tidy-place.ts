import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import type { StorageProvider } from '#storage';
import { ConnectionPool, type ConnectionRow } from '../connections/index.js';
import { Sweep } from '../upkeep/index.js';

/** How long somebody who removes a connection waits for a provider that is to be left in order. */
const PATIENCE_MS = 4_000;

/** A place that was opened while it still could be, to be left without a trace of ours. */
export interface OpenedPlace {
  /** Takes our folder away, where nothing lies in it. */
  leave(): Promise<boolean>;
  close(): Promise<void>;
}

/** Leaves a place in order, as far as it answers in time. What stays there is sealed, and nobody's any more. */
@Injectable()
export class TidyPlace {
  private readonly log = new Logger('purge');

  constructor(
    private readonly pool: ConnectionPool,
    private readonly sweep: Sweep,
  ) {}

  /** Clears away what was deleted before and still lies there. Null where the place cannot be reached, or not be trusted. */
  async open(row: ConnectionRow): Promise<OpenedPlace | null> {
    if (row.alarm !== null) return null;
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const opening = this.sweep.connection(row, signal).then(() => this.pool.take(row.id));
    const provider = await this.inTime(row, opening);
    // Whoever comes too late is not waited for, and not left open either.
    if (provider === null) void opening.then((late) => late.close()).catch(() => {});
    return provider && { leave: () => this.leave(row, provider), close: () => provider.close().catch(() => {}) };
  }

  private async leave(row: ConnectionRow, provider: StorageProvider): Promise<boolean> {
    const leaving = provider.removeFolder({ signal: AbortSignal.timeout(PATIENCE_MS) }).then(() => true);
    return (await this.inTime(row, leaving)) ?? false;
  }

  private inTime<T>(row: ConnectionRow, work: Promise<T>): Promise<T | null> {
    const over = pause(PATIENCE_MS, null, { ref: false });
    return Promise.race([work, over]).catch((error: Error) => {
      this.log.warn(`Connection ${row.id} was not left in order: ${error.message}`);
      return null;
    });
  }
}
