import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Config } from '../config/index.js';
import { Database } from '../database/index.js';
import { anyAccount, lockFirstAccount } from './account.store.js';
import { Accounts } from './accounts.js';
import { OneTimeLinks } from './one-time-links.js';
import { deleteSetUpLinks } from './one-time-link.store.js';
import { isWellKnown } from './password-rule.js';
import { Passwords } from './passwords.js';
import type { Welcome } from './welcome.js';

/** Somebody must be able to sign in first: the account that the settings name, or whoever holds the link that is printed. */
@Injectable()
export class FirstAccount implements OnApplicationBootstrap {
  #welcome: Welcome = { kind: 'in-use' };

  constructor(
    private readonly database: Database,
    private readonly config: Config,
    private readonly accounts: Accounts,
    private readonly links: OneTimeLinks,
    private readonly passwords: Passwords,
  ) {}

  /** Known once the gateway has started. A link in it is a secret: for the terminal, not for a log that is kept. */
  get welcome(): Welcome {
    return this.#welcome;
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.passwords.prepare();
    if (await anyAccount(this.database)) return;
    const first = this.config.firstAccount;
    if (first && isWellKnown(first.password.reveal(), first.email)) {
      new Logger('First account').warn(
        'TESSERA_ADMIN_PASSWORD is among the first that anybody would try. Change it soon.',
      );
    }
    const passwordHash = first && (await this.passwords.hash(first.password.reveal()));
    this.#welcome = await this.database.tx(async (sql) => {
      await lockFirstAccount(sql);
      if (await anyAccount(sql)) return { kind: 'in-use' };
      if (first === null) return { kind: 'link', ...(await this.links.makeSetUpLink(sql)) };
      await deleteSetUpLinks(sql);
      await this.accounts.create(sql, { email: first.email, passwordHash, roles: ['admin', 'user'] }, null);
      return { kind: 'created', email: first.email };
    });
  }
}
