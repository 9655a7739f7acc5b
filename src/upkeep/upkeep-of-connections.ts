import { Injectable, Logger } from '@nestjs/common';
import { allConnections, ConnectionHealth, ConnectionPool, type ConnectionRow, Markers } from '../connections/index.js';
import { Database } from '../database/index.js';

/** Writes down what was seen of the connections and how far their markers have come, and clears away half-written pieces. */
@Injectable()
export class UpkeepOfConnections {
  private readonly log = new Logger('upkeep');

  constructor(
    private readonly database: Database,
    private readonly health: ConnectionHealth,
    private readonly pool: ConnectionPool,
    private readonly markers: Markers,
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
  }
}
