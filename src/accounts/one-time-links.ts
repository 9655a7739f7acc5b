import { Injectable } from '@nestjs/common';
import { Config } from '../config/index.js';
import type { Sql } from '../database/index.js';
import { insertPasswordLink, insertSetUpLink } from './one-time-link.store.js';
import { newToken, sha256 } from './opaque-token.js';

export interface Link {
  readonly url: string;
  readonly token: string;
}

/** Links that work once. The token stands in the fragment, which no browser sends, so that it lands in no proxy's log. */
@Injectable()
export class OneTimeLinks {
  constructor(private readonly config: Config) {}

  async makeSetUpLink(sql: Sql): Promise<Link> {
    const token = newToken();
    await insertSetUpLink(sql, sha256(token));
    return this.#link(token);
  }

  async makePasswordLink(sql: Sql, account: string): Promise<Link & { expiresAt: Date }> {
    const token = newToken();
    const expiresAt = await insertPasswordLink(sql, sha256(token), account);
    return { ...this.#link(token), expiresAt };
  }

  #link(token: string): Link {
    return { token, url: `${this.config.publicUrl}/setup#token=${token}` };
  }
}
