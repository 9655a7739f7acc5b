import { Injectable, Logger } from '@nestjs/common';
import {
  ApplicationRefused,
  ConsentWithdrawn,
  type GrantedTokens,
  StorageFault,
  systemClock,
  Throttled,
} from '#storage';
import { AuditRecord } from '../audit/index.js';
import { CommitUnknown, Database, type Sql } from '../database/index.js';
import { Credentials } from './credentials.js';
import { ApplicationMissing } from './errors.js';
import { asSettings, timesOf, type TokenSecrets } from './token-secrets.js';
import {
  type Claim,
  claimRefresh,
  type GrantRow,
  noteRefreshFailed,
  noteWithdrawn,
  storeRefreshed,
} from './tokens.store.js';
import { Vendors } from './vendors.js';

/** Longer than a client waits for a vendor: who holds the claim for so long has died, or was stopped. */
const CLAIM_MS = 20_000;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 5 * 60_000;
/** Only an operator mends it, so nothing is won by asking often. */
const OPERATORS_WAIT_MS = 60_000;
const STORE_ATTEMPTS = 6;

/** What a vendor gave and the database would not take. */
interface Unstored {
  readonly version: number;
  readonly granted: GrantedTokens;
  readonly at: number;
}

/**
 * Asks a vendor for new tokens, one gateway at a time for each connection, in this order:
 *
 * 1. Claim the right to ask, in the connection's own row: a fencing token from the logged sequence, and a time. A lock
 *    that could vanish with a cache would let two ask at once, and vendors that exchange a refresh token for a new one may
 *    take the second asker for a thief and end the grant.
 * 2. Ask. Whoever dies here leaves a claim that lapses, and the old tokens.
 * 3. Store what came, in one transaction that compares the version which was read: the new refresh token replaces the
 *    old one only by being stored. A claim that has lapsed meanwhile does not matter while nobody has stored anything: what
 *    is in hand is then newer than what is stored. If somebody has, theirs stands and this is dropped.
 * 4. Only from the row is the new access token used.
 *
 * «The consent is gone» counts only for the version that it was said of, and from whoever holds the latest claim.
 */
@Injectable()
export class RefreshTokens {
  private readonly log = new Logger('connections');
  private readonly unstored = new Map<string, Unstored>();

  constructor(
    private readonly database: Database,
    private readonly vendors: Vendors,
    private readonly credentials: Credentials,
    private readonly audit: AuditRecord,
  ) {}

  /**
   * `stored`: the row has changed, by this or by somebody else's hand. `taken`: somebody else is at it.
   * Throws ConsentWithdrawn, when that is written down; StorageFaults, when they are; what the database throws.
   */
  async run(row: GrantRow, secrets: TokenSecrets): Promise<'stored' | 'taken'> {
    const claim = await claimRefresh(this.database, row.id, row.version, CLAIM_MS);
    if (!claim) return 'taken';
    try {
      const granted = await this.vendors.client(row.provider).refresh(secrets.refreshToken, secrets.scopes);
      return await this.store(row, secrets, { version: row.version, granted, at: systemClock.now() });
    } catch (error) {
      if (error instanceof ConsentWithdrawn) return this.withdrawn(row, claim, error);
      if (error instanceof StorageFault || error instanceof ApplicationMissing) await this.failed(row, claim, error);
      throw error;
    }
  }

  /** Stores what this gateway has in hand for the row, if anything: newer than what is there, whatever was said of that since. */
  async storeGained(row: GrantRow, secrets: TokenSecrets): Promise<boolean> {
    const gained = this.unstored.get(row.id);
    if (!gained) return false;
    if (gained.version === row.version) await this.store(row, secrets, gained);
    this.unstored.delete(row.id);
    return gained.version === row.version;
  }

  /** Tokens in hand are kept in memory until the database takes them: the old refresh token may be worth nothing now. */
  private async store(row: GrantRow, secrets: TokenSecrets, gained: Unstored): Promise<'stored'> {
    const { accessToken, refreshToken } = gained.granted;
    const now = { ...secrets, accessToken, refreshToken: refreshToken ?? secrets.refreshToken };
    const sealed = this.credentials.seal(row, asSettings(now))!;
    this.unstored.set(row.id, gained);
    for (let attempt = 1; ; attempt += 1) {
      const times = timesOf(gained.granted, systemClock.now() - gained.at);
      try {
        await this.database.tx(async (sql) => {
          const outcome = await storeRefreshed(sql, row.id, row.version, sealed, times);
          if (outcome === 'revived') await this.tell(sql, row, 'connection.reconnected');
        });
        this.unstored.delete(row.id);
        return 'stored';
      } catch (error) {
        // After an unclear COMMIT the next attempt finds another version, or stores.
        if (attempt >= STORE_ATTEMPTS || !mayPass(error)) throw error;
        await systemClock.sleep(50 * 2 ** attempt);
      }
    }
  }

  /** Not the first to write it down: somebody has stored something newer, or asks at this moment. A look at the row tells. */
  private async withdrawn(row: GrantRow, { claim }: Claim, error: ConsentWithdrawn): Promise<'taken'> {
    const first = await this.database.tx(async (sql) => {
      if (!(await noteWithdrawn(sql, row.id, row.version, claim))) return false;
      await this.tell(sql, row, 'connection.needs-reconnect');
      return true;
    });
    if (!first) return 'taken';
    this.log.warn(`Connection ${row.id} (${row.provider}) has to be connected anew: its consent has ended.`);
    throw error;
  }

  private tell(sql: Sql, { account, id: subject, provider }: GrantRow, action: string): Promise<void> {
    return this.audit.append(sql, { account, action, subject, details: { provider } });
  }

  private async failed(row: GrantRow, { claim, failures }: Claim, error: StorageFault | ApplicationMissing) {
    const operators = error instanceof ApplicationRefused || error instanceof ApplicationMissing;
    const trouble = operators ? error.message : null;
    if (trouble !== null && trouble !== row.trouble)
      this.log.error(`Connection ${row.id} (${row.provider}): ${trouble}`);
    const doubled = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 10));
    const asked = error instanceof Throttled ? (error.retryAfterMs ?? 0) : 0;
    const waitMs = operators ? OPERATORS_WAIT_MS : Math.max(doubled, asked);
    await noteRefreshFailed(this.database, row.id, claim, { waitMs, trouble });
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof CommitUnknown || (error instanceof Error && 'retriable' in error && error.retriable === true);
}
