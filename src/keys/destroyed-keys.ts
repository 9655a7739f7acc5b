import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from '../database/index.js';
import { AccountKeyring } from './account-keyring.js';
import { latelyDestroyed } from './keys.store.js';

const LOOK_MS = 1000;

/** Forgets account keys that another gateway has destroyed: an unwrapped copy in memory would outlive its row. */
@Injectable()
export class DestroyedKeys implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger('keys');
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
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
    if (!this.keyring.holdsAny) return;
    try {
      for (const { account } of await latelyDestroyed(this.database)) this.keyring.forget(account);
    } catch (error) {
      this.log.warn(`Which keys were destroyed is looked at again soon: ${(error as Error).message}`);
    }
  }
}
