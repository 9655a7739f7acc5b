import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from '../database/index.js';
import { SteadyLook } from '../gateways/index.js';
import { ConnectionPool } from './connection-pool.js';
import { generationsOf } from './leaving.store.js';
import { Tokens } from './tokens.js';

/** Closes what this gateway has open of connections that were removed, or changed, by another one. */
@Injectable()
export class PoolWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly steady = new SteadyLook({
    // So long another gateway may go on with a connection that was let go.
    everyMs: 1000,
    log: new Logger('connections'),
    what: 'Which connections were let go',
    look: () => this.closeStale(),
  });

  constructor(
    private readonly database: Database,
    private readonly pool: ConnectionPool,
    private readonly tokens: Tokens,
  ) {}

  onApplicationBootstrap(): void {
    this.steady.begin();
  }

  onApplicationShutdown(): Promise<void> {
    return this.steady.end();
  }

  look(): Promise<void> {
    return this.steady.once();
  }

  private async closeStale(): Promise<void> {
    const open = this.pool.generations;
    if (open.size === 0) return;
    const now = await generationsOf(this.database, [...open.keys()]);
    const stale = [...open].filter(([id, generation]) => now.get(id) !== generation);
    for (const [id] of stale) this.tokens.forget(id);
    await Promise.all(stale.map(([id]) => this.pool.close(id)));
  }
}
