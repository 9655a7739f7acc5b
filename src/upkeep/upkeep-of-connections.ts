import { Injectable, Logger } from '@nestjs/common';
import {
  allConnections,
  ConnectionHealth,
  ConnectionPool,
  type ConnectionRow,
  forgetOldHours,
  healthOf,
  type HealthRow,
  LightLook,
  Markers,
  SpaceLedger,
} from '../connections/index.js';
import { Database } from '../database/index.js';

/** With less room than this nothing is sent to a connection, so only asking finds out that it has room again. */
const NEARLY_FULL = 256 * 1024 ** 2;
/** What is shown of a connection's room is at most five minutes old: a round, and the asking itself, fit in. */
const SPACE_FRESH_MS = 240_000;
/** A round does not wait longer for providers that do not answer; they are looked after meanwhile, and not twice at once. */
const PATIENCE_MS = 20_000;

/** Looks at connections that are quiet or failing, asks for their room, writes their markers on, and clears away half-written pieces. */
@Injectable()
export class UpkeepOfConnections {
  private readonly log = new Logger('upkeep');
  private readonly underWay = new Map<string, Promise<void>>();

  constructor(
    private readonly database: Database,
    private readonly health: ConnectionHealth,
    private readonly pool: ConnectionPool,
    private readonly markers: Markers,
    private readonly space: SpaceLedger,
    private readonly look: LightLook,
  ) {}

  async run(): Promise<void> {
    await this.health.flush();
    await forgetOldHours(this.database);
    const rows = (await allConnections(this.database)).filter(
      (row) => row.enabled && row.alarm === null && row.needs_reconnect_at === null,
    );
    const health = await healthOf(
      this.database,
      rows.map(({ id }) => id),
    );
    for (const row of rows) {
      const known = health.get(row.id);
      if (!known || this.underWay.has(row.id)) continue;
      const work = this.lookAfter(row, known)
        .catch((error: Error) => this.log.warn(`Connection ${row.id} is looked after later: ${error.message}`))
        .finally(() => this.underWay.delete(row.id));
      this.underWay.set(row.id, work);
    }
    await inPatience(Promise.all(this.underWay.values()));
  }

  private async lookAfter(row: ConnectionRow, known: HealthRow): Promise<void> {
    await this.look.run(known);
    await this.markers.advance(row, await this.pool.provider(row.id, 'short'));
    await this.pool.sweepTemporaries(row.id);
    const plenty = row.space_free !== null && row.space_free >= NEARLY_FULL;
    if (!plenty || known.spaceAgeMs === null || known.spaceAgeMs > SPACE_FRESH_MS)
      await this.space.free(row.id, 'short');
  }
}

async function inPatience(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, PATIENCE_MS)));
  await Promise.race([work, late]);
  clearTimeout(timer);
}
