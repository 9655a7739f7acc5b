import { Injectable } from '@nestjs/common';
import { Database } from '../database/index.js';
import { ConnectionHealth } from './connection-health.js';
import { ConnectionPool } from './connection-pool.js';
import { claimLook, type HealthRow } from './health.store.js';

/** Nobody asked it anything for so long: whether it is still there is found out before somebody needs it. */
const QUIET_MS = 300_000;
/** One that fails is looked at more often, so that it counts as well again soon after it is. */
const FAILING_MS = 30_000;
const PATIENCE_MS = 20_000;

/** Asks a connection that was not heard of lately for its room, or its marker: one small request, by one gateway of all. */
@Injectable()
export class LightLook {
  constructor(
    private readonly database: Database,
    private readonly health: ConnectionHealth,
    private readonly pool: ConnectionPool,
  ) {}

  async run({ id, failingMs, quietMs }: HealthRow): Promise<void> {
    const every = failingMs === null ? QUIET_MS : FAILING_MS;
    if (failingMs === null && quietMs !== null && quietMs < QUIET_MS) return;
    if (!(await claimLook(this.database, id, every))) return;
    try {
      const provider = await this.pool.provider(id, 'short');
      const signal = AbortSignal.timeout(PATIENCE_MS);
      await (provider.traits.spaceKnown ? provider.space({ signal }) : provider.readMarker({ signal }));
    } catch (error) {
      this.health.failed(id, error);
    }
    await this.health.flush();
  }
}
