import { Injectable, Logger } from '@nestjs/common';
import {
  allConnections,
  ConnectionHealth,
  ConnectionPool,
  type ConnectionRow,
  Markers,
  SpaceLedger,
} from '../connections/index.js';
import { Database } from '../database/index.js';

/** With less room than this nothing is sent to a connection, so only asking finds out that it has room again. */
const NEARLY_FULL = 256 * 1024 ** 2;
const SPACE_FRESH_MS = 300_000;

/** Writes down what was seen of the connections and how far their markers have come, asks for their room, and clears away half-written pieces. */
@Injectable()
export class UpkeepOfConnections {
  private readonly log = new Logger('upkeep');
  private readonly spaceAskedAt = new Map<string, number>();

  constructor(
    private readonly database: Database,
    private readonly health: ConnectionHealth,
    private readonly pool: ConnectionPool,
    private readonly markers: Markers,
    private readonly space: SpaceLedger,
  ) {}

  async run(): Promise<void> {
    await this.health.flush();
    for (const row of await allConnections(this.database)) {
      if (!row.enabled || row.alarm !== null) continue;
      await this.lookAfter(row).catch((error: Error) => {
        this.log.warn(`Connection ${row.id} is looked after later: ${error.message}`);
      });
    }
  }

  private async lookAfter(row: ConnectionRow): Promise<void> {
    await this.markers.advance(row, await this.pool.provider(row.id));
    await this.pool.sweepTemporaries(row.id);
    await this.askSpace(row);
  }

  private async askSpace({ id, space_free: free }: ConnectionRow): Promise<void> {
    const askedAt = this.spaceAskedAt.get(id) ?? -Infinity;
    const plenty = free !== null && free >= NEARLY_FULL;
    if (plenty && performance.now() - askedAt < SPACE_FRESH_MS) return;
    this.spaceAskedAt.set(id, performance.now());
    await this.space.free(id);
  }
}
