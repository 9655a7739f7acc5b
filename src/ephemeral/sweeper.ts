import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Ephemeral, EphemeralAway } from './ephemeral.js';
import { PostgresEphemeral } from './ephemeral.store.js';

const EVERY_MS = 60_000;

/** Keeps the database's tables of short-lived state small. Redis does that by itself. */
@Injectable()
export class Sweeper implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #log = new Logger('Ephemeral');
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly ephemeral: Ephemeral) {}

  onApplicationBootstrap(): void {
    const { ephemeral } = this;
    if (ephemeral instanceof PostgresEphemeral) {
      this.#timer = setInterval(() => void this.#sweep(ephemeral), EVERY_MS).unref();
    }
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
  }

  async #sweep(ephemeral: PostgresEphemeral): Promise<void> {
    try {
      await ephemeral.sweep();
    } catch (error) {
      if (!(error instanceof EphemeralAway)) this.#log.error(error);
    }
  }
}
