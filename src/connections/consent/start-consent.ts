import { Inject, Injectable } from '@nestjs/common';
import type { Consent, OAuthRules } from '#storage';
import { type Caller, SignInTooOld } from '../../access/index.js';
import { Config } from '../../config/index.js';
import { Database } from '../../database/index.js';
import { connectionById, type ConnectionRow } from '../connections.store.js';
import { Credentials } from '../credentials.js';
import { AdminsOnly, ConnectionUnknown, ConsentUnknown } from '../errors.js';
import { fromSettings } from '../token-secrets.js';
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
    private readonly credentials: Credentials,
  ) {}

  /** Throws ProviderUnknown, ApplicationMissing, ConsentUnknown, AdminsOnly, ConnectionUnknown; SignInTooOld without a session. */
  async run(caller: Caller, wish: ConsentWish): Promise<StartedConsent> {
    const { provider, label = null, domain = null, house = false, reconnect = null } = wish;
    const rules = this.vendors.rules(provider);
    const client = this.vendors.client(provider);
    if (caller.sessionId === undefined) throw new SignInTooOld();
    if ((house || domain !== null) && !caller.roles.includes('admin')) throw new AdminsOnly();
    const row = reconnect === null ? null : await this.own(caller, provider, reconnect);
    const consent = this.consentOf(rules, wish.consent, row);
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

  private async own(caller: Caller, provider: string, id: string): Promise<ConnectionRow> {
    const row = await connectionById(this.database, id);
    const theirs = row && (row.account === caller.accountId || row.account === null);
    if (!theirs || row.provider !== provider) throw new ConnectionUnknown();
    if (row.account === null && !caller.roles.includes('admin')) throw new AdminsOnly();
    return row;
  }

  /** The one that is named; for a connection that had one, that; otherwise the first, which asks for the least. */
  private consentOf({ consents }: OAuthRules, named: string | undefined, row: ConnectionRow | null): Consent {
    const found = named === undefined ? undefined : consents.find(({ id }) => id === named);
    if (named !== undefined && !found) throw new ConsentUnknown();
    const before = row ? fromSettings(this.credentials.open(row)).scopes.join(' ') : '';
    const consent = found ?? consents.find(({ scopes }) => scopes.join(' ') === before) ?? consents[0];
    if (!consent) throw new ConsentUnknown();
    return consent;
  }
}
