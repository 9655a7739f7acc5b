import { randomUUIDv7 } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { findProvider, type Settings, type WebLogin as ProviderLogin } from '#storage';
import { Config } from '../config/index.js';
import { Ephemeral } from '../ephemeral/index.js';
import { CredentialKeyring } from '../keys/index.js';
import { Connect, type ConnectRequest, type Connector } from './connect.js';
import type { ConnectionRow } from './connections.store.js';
import { AlreadyConnected, LoginUnknown, ProviderUnknown } from './errors.js';

export interface BegunLogin {
  readonly id: string;
  /** For the person's browser. */
  readonly page: string;
  readonly expiresAt: Date;
}

type Kept = Omit<ConnectRequest, 'settings'> & { readonly ticket: string; readonly login: Settings | null };

/** As it lies in the short-lived state: only a gateway with the root key can read whose login it collects. */
interface SealedLogin {
  readonly [part: string]: string | number;
  readonly sealed: string;
  readonly wrappedKey: string;
  readonly epoch: number;
}

const KEEP_COLLECTED_MS = 10 * 60_000;
const COLLECT_MS = 60_000;

/**
 * Connecting by the provider's own sign-in page. What it hands out is given once, so it is kept (sealed) before the
 * place is tried: a gateway that dies in between, or a test that fails, costs the person no second sign-in for a while.
 */
@Injectable()
export class WebLogin {
  private readonly log = new Logger('connections');

  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly ephemeral: Ephemeral,
    private readonly keyring: CredentialKeyring,
    private readonly connect: Connect,
  ) {}

  async begin(by: Connector, { settings, ...request }: ConnectRequest): Promise<BegunLogin> {
    this.connect.refuseWishes(by, request);
    const typed = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));
    const asked = { settings: typed, outbound: this.outbound };
    const { page, ticket, lastsMs } = await loginOf(request.provider).begin(asked);
    const id = randomUUIDv7();
    await this.keep(by, id, { ...request, ticket, login: null }, lastsMs);
    return { id, page, expiresAt: new Date(Date.now() + lastsMs) };
  }

  /** The new connection, or null while the person has not finished. Two that ask at once: one of them is told to wait. */
  async collect(by: Connector, provider: string, id: string): Promise<ConnectionRow | null> {
    const lock = await this.ephemeral.lock(`web-login:${id}`, COLLECT_MS);
    if (!lock) return null;
    try {
      const kept = await this.kept(by, id);
      if (kept.provider !== provider) throw new LoginUnknown();
      const { ticket, login: known, ...request } = kept;
      const login = known ?? (await loginOf(provider).collect({ ticket, outbound: this.outbound }));
      if (!login) return null;
      if (!known) await this.keep(by, id, { ...kept, login }, KEEP_COLLECTED_MS);
      const row = await this.connect.run(by, { ...request, settings: login }).catch(async (error: unknown) => {
        // No second try can do better: this login is of no use to anybody.
        if (error instanceof AlreadyConnected) await this.giveUp(by, provider, id);
        throw error;
      });
      await this.ephemeral.delete(keyOf(id));
      return row;
    } finally {
      await lock.release();
    }
  }

  /** The person thought better of it: what was handed out goes back. */
  async giveUp(by: Connector, provider: string, id: string): Promise<void> {
    const { login } = await this.kept(by, id);
    await this.ephemeral.delete(keyOf(id));
    if (!login) return;
    await loginOf(provider)
      .withdraw({ settings: login, outbound: this.outbound })
      .catch((error: Error) => this.log.warn(`A login could not be given back: ${error.message}`));
  }

  private get outbound(): { allowHosts: readonly string[] } {
    return { allowHosts: this.config.allowHosts };
  }

  private async keep(by: Connector, id: string, kept: Kept, ttlMs: number): Promise<void> {
    const place = { account: by.account, connection: id };
    const { sealed, wrappedKey, epoch } = this.keyring.seal(place, Buffer.from(JSON.stringify(kept)));
    const value = { sealed: sealed.toString('base64'), wrappedKey: wrappedKey.toString('base64'), epoch };
    await this.ephemeral.put(keyOf(id), value, ttlMs);
  }

  /** Another account's does not open, and is not there for this one. */
  private async kept(by: Connector, id: string): Promise<Kept> {
    const found = await this.ephemeral.get<SealedLogin>(keyOf(id));
    if (!found) throw new LoginUnknown();
    const [sealed, wrappedKey] = [Buffer.from(found.sealed, 'base64'), Buffer.from(found.wrappedKey, 'base64')];
    try {
      const place = { account: by.account, connection: id };
      return JSON.parse(this.keyring.open(place, { sealed, wrappedKey, epoch: found.epoch }).toString()) as Kept;
    } catch {
      throw new LoginUnknown();
    }
  }
}

function loginOf(provider: string): ProviderLogin {
  const login = findProvider(provider)?.webLogin;
  if (!login) throw new ProviderUnknown();
  return login;
}

function keyOf(id: string): string {
  return `web-login:${id}`;
}
