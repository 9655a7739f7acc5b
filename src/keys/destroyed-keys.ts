import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from '../database/index.js';
import { SteadyLook } from '../gateways/index.js';
import { AccountKeyring } from './account-keyring.js';
import { latelyDestroyed } from './keys.store.js';

/** Forgets account keys that another gateway has destroyed: an unwrapped copy in memory would outlive its row. */
@Injectable()
export class DestroyedKeys implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly steady = new SteadyLook({
    everyMs: 1000,
    log: new Logger('keys'),
    what: 'Which keys were destroyed',
    look: () => this.forgetDestroyed(),
  });

  constructor(
    private readonly database: Database,
    private readonly keyring: AccountKeyring,
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

  private async forgetDestroyed(): Promise<void> {
    if (!this.keyring.holdsAny) return;
    for (const { account } of await latelyDestroyed(this.database)) this.keyring.forget(account);
  }
}
