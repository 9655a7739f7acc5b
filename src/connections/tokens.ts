import { Injectable } from '@nestjs/common';
import {
  AccessRefused,
  type AccessTokens,
  ConnectionAway,
  ConsentWithdrawn,
  providers,
  StorageFault,
  systemClock,
} from '#storage';
import { Database } from '../database/index.js';
import { Credentials } from './credentials.js';
import { ApplicationMissing, ConnectionUnknown } from './errors.js';
import { RefreshTokens } from './refresh-tokens.js';
import { RenewalBudget } from './renewal-budget.js';
import { fromSettings, type TokenSecrets } from './token-secrets.js';
import { grantOf, type GrantRow, idleGrants } from './tokens.store.js';

/** An access token in hand, by this process' own clock. */
interface Held {
  readonly token: string;
  readonly goodUntil: number;
  /** From then on another one is fetched, while this one still does. */
  readonly soonAt: number;
  /** Until then the row is not looked at again. */
  readonly freshUntil: number;
}

/** Why the token at hand may not do: the provider refused it, or the grant has to be used lest it lapses. */
interface Need {
  readonly refused?: string;
  readonly unlessNewerThan?: number;
}

/** Before the end of a token's life, but no more than a fifth of it, another one is fetched. */
const EARLY_MS = 5 * 60_000;
/** A consent that was withdrawn, or a connection that was let go, is noticed by every gateway after so long. */
const FRESH_MS = 60_000;
/** Somebody else asks the vendor: a little longer than a claim holds. */
const PATIENCE_MS = 25_000;
const LOOK_EVERY_MS = 60;
const MONTH_MS = 30 * 24 * 3_600_000;
const IDLE_AT_ONCE = 20;

/** Hands out the access tokens of connections, and sees to it that there are always good ones. */
@Injectable()
export class Tokens {
  private readonly held = new Map<string, Held>();
  private readonly asking = new Map<string, Promise<Held>>();
  private readonly renewals = new RenewalBudget();

  constructor(
    private readonly database: Database,
    private readonly credentials: Credentials,
    private readonly refresh: RefreshTokens,
  ) {}

  of(connection: string): AccessTokens {
    return {
      current: (signal) => waitedFor(this.current(connection), signal),
      renew: (refused, signal) => waitedFor(this.renew(connection, refused), signal),
    };
  }

  /** What is in hand, or under way, counts no more: the connection was let go, or connected anew. */
  forget(connection: string): void {
    this.held.delete(connection);
    this.asking.delete(connection);
  }

  /** Uses grants that would lapse if nobody used them. What cannot be done now is done in a later round. */
  async keepAlive(): Promise<void> {
    for (const { id: provider, oauth } of providers) {
      if (oauth?.idleGrantMs == null) continue;
      const idleMs = Math.min(MONTH_MS, oauth.idleGrantMs / 3);
      for (const id of await idleGrants(this.database, provider, idleMs, IDLE_AT_ONCE)) {
        const row = await grantOf(this.database, id);
        if (row) await this.obtain(id, { unlessNewerThan: row.version }).catch(() => {});
      }
    }
  }

  private async current(connection: string): Promise<string> {
    const held = this.held.get(connection);
    const now = systemClock.now();
    if (held && now < Math.min(held.soonAt, held.freshUntil)) return held.token;
    return (await this.shared(connection, {})).token;
  }

  private async renew(connection: string, refused: string): Promise<string> {
    const held = this.held.get(connection);
    if (held && held.token !== refused && systemClock.now() < held.goodUntil) return held.token;
    return (await this.shared(connection, { refused })).token;
  }

  /** One question for all callers of this gateway, and one more only if its answer is what was refused. */
  private async shared(connection: string, need: Need): Promise<Held> {
    for (let running = this.asking.get(connection); running; running = this.asking.get(connection)) {
      const held = await running;
      if (held.token !== need.refused) return held;
    }
    const asking = this.obtain(connection, need).finally(() => {
      if (this.asking.get(connection) === asking) this.asking.delete(connection);
    });
    this.asking.set(connection, asking);
    return asking;
  }

  /** From the row if it will do; otherwise by asking the vendor, or by waiting for whoever does. */
  private async obtain(connection: string, need: Need): Promise<Held> {
    const deadline = systemClock.now() + PATIENCE_MS;
    const tries = new Tries(need);
    for (;;) {
      const { row, secrets } = await this.read(connection);
      if (await this.refresh.storeGained(row, secrets)) continue;
      if (row.needs_reconnect) return this.none(connection, new ConsentWithdrawn());
      const held = this.hold(row, secrets.accessToken);
      const usable = row.good_ms > 0 && !tries.refuses(secrets.accessToken);
      if (usable && tries.content(row)) return this.keep(connection, held);
      if (row.wait_ms > 0 && usable) return this.keep(connection, held);
      if (row.wait_ms > 0) throw row.trouble === null ? new ConnectionAway(SILENT) : new AccessRefused(row.trouble);
      if (row.good_ms > 0 && !usable) tries.pay(() => this.renewals.spend(connection));
      const outcome = await this.ask(row, secrets, usable);
      if (usable && outcome !== 'stored') return this.keep(connection, held);
      if (outcome === 'stored') tries.asked = true;
      else if (systemClock.now() > deadline) throw new ConnectionAway(SILENT);
      else await systemClock.sleep(LOOK_EVERY_MS);
    }
  }

  private async read(connection: string): Promise<{ row: GrantRow; secrets: TokenSecrets }> {
    const row = await grantOf(this.database, connection);
    if (!row) return this.none(connection, new ConnectionUnknown());
    return { row, secrets: fromSettings(this.credentials.open(row)) };
  }

  /** A token that still does is used while the vendor cannot be asked; but not if the consent behind it is gone. */
  private async ask(row: GrantRow, secrets: TokenSecrets, usable: boolean): Promise<'stored' | 'taken' | 'failed'> {
    return this.refresh.run(row, secrets).catch((error: unknown) => {
      if (!usable || !isPassing(error)) throw error;
      return 'failed' as const;
    });
  }

  private hold(row: GrantRow, token: string): Held {
    const now = systemClock.now();
    const goodUntil = now + row.good_ms;
    return { token, goodUntil, soonAt: goodUntil - earlyMs(row), freshUntil: now + FRESH_MS };
  }

  private keep(connection: string, held: Held): Held {
    this.held.set(connection, held);
    return held;
  }

  private none(connection: string, error: Error): never {
    this.held.delete(connection);
    throw error;
  }
}

/** What one question has come to so far. */
class Tries {
  /** The row holds what was fetched since: the vendor has no better one. */
  asked = false;
  private paid = false;

  constructor(private readonly need: Need) {}

  refuses(token: string): boolean {
    return !this.asked && token === this.need.refused;
  }

  content(row: GrantRow): boolean {
    return row.version !== this.need.unlessNewerThan && row.good_ms > earlyMs(row);
  }

  /** Once, however often somebody else has to be waited for. */
  pay(spend: () => boolean): void {
    if (!this.paid && !spend()) throw new AccessRefused(REFUSING);
    this.paid = true;
  }
}

const REFUSING = 'The provider refuses even the newest access that its vendor gives.';
const SILENT = 'The vendor gives no access at the moment.';

function earlyMs(row: GrantRow): number {
  return Math.min(EARLY_MS, row.access_lives_ms / 5);
}

function isPassing(error: unknown): boolean {
  return (error instanceof StorageFault && !(error instanceof ConsentWithdrawn)) || error instanceof ApplicationMissing;
}

/** The question goes on for the others; who waits no longer is let go. */
async function waitedFor<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  const { promise: gone, reject } = Promise.withResolvers<never>();
  const leave = () => reject(signal.reason as Error);
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave);
  try {
    return await Promise.race([work, gone]);
  } finally {
    signal.removeEventListener('abort', leave);
    work.catch(() => {});
    gone.catch(() => {});
  }
}
