import { Inject, Injectable } from '@nestjs/common';
import type { Consent, OAuthRules } from '#storage';
import { type Caller, RecentSignIn, SignInTooOld } from '../../access/index.js';
import { Config } from '../../config/index.js';
import { Database } from '../../database/index.js';
import { connectionById } from '../connections.store.js';
import { AdminsOnly, ConnectionUnknown, ConsentUnknown } from '../errors.js';
import { Vendors } from '../vendors.js';
import { type BegunFlow, ConsentFlows } from './consent-flows.js';

export interface ConsentWish {
  readonly provider: string;
  readonly label?: string | undefined;
  /** One of the provider's consents; the first one without it. */
  readonly consent?: string | undefined;
  /** A connection whose consent has ended. */
  readonly reconnect?: string | undefined;
  readonly house?: boolean | undefined;
  readonly domain?: string | undefined;
}

export interface StartedConsent extends BegunFlow {
  /** The vendor's page. */
  readonly url: string;
}

/** Sends somebody to a vendor's page, and remembers what for. Nothing is kept of it but what lapses by itself. */
@Injectable()
export class StartConsent {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly database: Database,
    private readonly vendors: Vendors,
    private readonly flows: ConsentFlows,
    private readonly recent: RecentSignIn,
  ) {}

  /** Throws ProviderUnknown, ApplicationMissing, ConsentUnknown, AdminsOnly, ConnectionUnknown, SignInTooOld. */
  async run(caller: Caller, wish: ConsentWish): Promise<StartedConsent> {
    const { provider, label = null, domain = null, house = false, reconnect = null } = wish;
    const consent = consentOf(this.vendors.rules(provider), wish.consent);
    const client = this.vendors.client(provider);
    await this.recent.require(caller);
    if (caller.sessionId === undefined) throw new SignInTooOld();
    if ((house || domain !== null) && !caller.roles.includes('admin')) throw new AdminsOnly();
    if (reconnect !== null) await this.requireOwn(caller, provider, reconnect);
    const redirectUri = `${this.config.publicUrl}/api/cloud/oauth/callback/${provider}`;
    const begun = await this.flows.begin({
      account: caller.accountId,
      session: caller.sessionId,
      provider,
      redirectUri,
      scopes: consent.scopes,
      required: consent.required,
      label,
      house,
      domain,
      reconnect,
    });
    const url = client.authorizeUrl({ redirectUri, scopes: consent.scopes, ...begun });
    return { ...begun, url };
  }

  private async requireOwn(caller: Caller, provider: string, id: string): Promise<void> {
    const row = await connectionById(this.database, id);
    const theirs = row && (row.account === caller.accountId || row.account === null);
    if (!theirs || row.provider !== provider) throw new ConnectionUnknown();
    if (row.account === null && !caller.roles.includes('admin')) throw new AdminsOnly();
  }
}

function consentOf({ consents }: OAuthRules, wanted: string | undefined): Consent {
  const found = wanted === undefined ? consents[0] : consents.find(({ id }) => id === wanted);
  if (!found) throw new ConsentUnknown();
  return found;
}
