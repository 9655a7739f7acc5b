import { randomUUIDv7 } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { Database, type Sql } from '../database/index.js';
import type { BriefCache } from './brief-cache.js';
import type { Identity } from './identity.js';
import { looksLikeToken, newToken, sha256 } from './opaque-token.js';
import { Remembered } from './remembered.js';
import {
  deleteSession,
  deleteSessions,
  findSession,
  insertSession,
  type StandingSession,
  standingSession,
  sweepSessions,
  touchSession,
} from './session.store.js';

/**
 * Sessions: opened by a sign-in, found by their token. Only the token's hash is kept. Who ends one forgets what is
 * remembered after the commit.
 */
@Injectable()
export class Sessions {
  readonly #log = new Logger('Sessions');
  readonly #found: BriefCache<Identity>;

  constructor(
    private readonly database: Database,
    remembered: Remembered,
  ) {
    this.#found = remembered.cache();
  }

  async open(sql: Sql, account: string): Promise<{ id: string; token: string; expiresAt: Date }> {
    const id = randomUUIDv7();
    const token = newToken();
    const expiresAt = await insertSession(sql, { id, account, tokenHash: sha256(token) });
    await sweepSessions(sql, account);
    return { id, token, expiresAt };
  }

  /** Null for a token that is unknown, expired or revoked, and for one whose account may not sign in any more. */
  async find(token: string): Promise<Identity | null> {
    if (!looksLikeToken(token)) return null;
    const hash = sha256(token);
    return this.#found.get(hash.toString('base64'), () => this.#load(hash));
  }

  /** Whether it still stands, whose it is and how long ago it began, asked of the database itself. */
  standing(id: string): Promise<StandingSession | null> {
    return standingSession(this.database, id);
  }

  async end(sql: Sql, id: string): Promise<void> {
    await deleteSession(sql, id);
  }

  async endAll(sql: Sql, account: string, except?: string): Promise<void> {
    await deleteSessions(sql, account, except ?? null);
  }

  async #load(hash: Buffer): Promise<Identity | null> {
    const row = await findSession(this.database, hash);
    if (row === null) return null;
    if (row.stale) this.#touch(row.session);
    return { accountId: row.account, email: row.email, roles: Object.freeze(row.roles), sessionId: row.session };
  }

  /** Nobody waits for it; a session that was not touched only looks idle for longer. */
  #touch(session: string): void {
    touchSession(this.database, session).catch((error: Error) =>
      this.#log.warn(`Last use not written: ${error.message}`),
    );
  }
}
