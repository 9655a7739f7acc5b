import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from '../database/index.js';
import { ConnectionPool } from './connection-pool.js';
import { generationsOf } from './leaving.store.js';
import { Tokens } from './tokens.js';

/** How long another gateway may go on with a connection that was let go. */
const LOOK_MS = 1000;

/** Closes what this gateway has open of connections that were removed, or changed, by another one. */
@Injectable()
export class PoolWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger('connections');
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly pool: ConnectionPool,
    private readonly tokens: Tokens,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => (this.looking = this.looking.then(() => this.look())), LOOK_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  /** Public for tests, which do not wait for it. */
  async look(): Promise<void> {
    const open = this.pool.generations;
    if (open.size === 0) return;
    try {
      const now = await generationsOf(this.database, [...open.keys()]);
      const stale = [...open].filter(([id, generation]) => now.get(id) !== generation);
      for (const [id] of stale) this.tokens.forget(id);
      await Promise.all(stale.map(([id]) => this.pool.close(id)));
    } catch (error) {
      this.log.warn(`Which connections were let go is looked at again soon: ${(error as Error).message}`);
    }
  }
}
