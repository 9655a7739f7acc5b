import { randomUUIDv7 } from 'node:crypto';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Database } from '../database/index.js';
import { addGateway, endGateway, renewGateway } from './gateways.store.js';

const RENEW_MS = 5_000;

/**
 * This gateway's proof that it lives. What it holds in the database (open drafts, slabs) is bound to
 * `id` and dies when the lease runs out on the database's clock. A gateway that was paused for longer
 * finds its lease gone, takes a new id, and whatever it still tries under the old one is refused by
 * the statements themselves: nothing here is decided by our own clock.
 */
@Injectable()
export class GatewayLease implements OnModuleInit, OnApplicationShutdown {
  private readonly log = new Logger('gateways');
  private current = randomUUIDv7() as string;
  private timer: NodeJS.Timeout | undefined;
  private renewing: Promise<void> | null = null;
  private readonly listeners: (() => void)[] = [];

  constructor(private readonly database: Database) {}

  get id(): string {
    return this.current;
  }

  /** Calls when this gateway has lost its lease and goes on under a new id. */
  onRebirth(listener: () => void): void {
    this.listeners.push(listener);
  }

  async onModuleInit(): Promise<void> {
    await addGateway(this.database, this.current);
    this.timer = setInterval(() => void this.renewOnce(), RENEW_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await endGateway(this.database, this.current).catch(() => {});
  }

  /** One at a time: two that overlap could each take a new id. */
  private renewOnce(): Promise<void> {
    return (this.renewing ??= this.renew().finally(() => (this.renewing = null)));
  }

  /** Public for tests, which turn the clock of the database's rows instead of waiting. */
  async renew(): Promise<void> {
    try {
      if (await renewGateway(this.database, this.current)) return;
      const next = randomUUIDv7();
      await addGateway(this.database, next);
      this.current = next;
      for (const listener of this.listeners) listener();
      this.log.warn('This gateway was away for longer than its lease; uploads that were under way are given up.');
    } catch (error) {
      this.log.warn(`The gateway's lease could not be renewed: ${(error as Error).message}`);
    }
  }
}
