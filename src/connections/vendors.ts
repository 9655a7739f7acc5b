import { Inject, Injectable } from '@nestjs/common';
import { findProvider, OAuthClient, type OAuthRules } from '#storage';
import { Config, type Vendor } from '../config/index.js';
import { ApplicationMissing, ProviderUnknown } from './errors.js';

/** The operator's applications, brought together with the providers that ask for consent through them. */
@Injectable()
export class Vendors {
  private readonly clients = new Map<string, OAuthClient>();

  constructor(@Inject(Config) private readonly config: Config) {}

  /** Throws ProviderUnknown for one that asks for no consent. */
  rules(provider: string): OAuthRules {
    const rules = findProvider(provider)?.oauth;
    if (!rules) throw new ProviderUnknown();
    return rules;
  }

  /** What stands in for all hosts of this provider; null for the real ones. */
  origin(provider: string): string | null {
    const rules = findProvider(provider)?.oauth;
    return rules ? this.vendorOf(rules).origin : null;
  }

  /** Whether the operator has registered an application for it. */
  configured(provider: string): boolean {
    return this.vendorOf(this.rules(provider)).application !== null;
  }

  /** Throws ProviderUnknown, and ApplicationMissing where the operator has registered none. */
  client(provider: string): OAuthClient {
    const known = this.clients.get(provider);
    if (known) return known;
    const rules = this.rules(provider);
    const { application, origin, variables } = this.vendorOf(rules);
    if (!application) throw new ApplicationMissing(variables);
    const { clientId, clientSecret } = application;
    const client = new OAuthClient({
      rules,
      registration: { clientId, clientSecret: () => clientSecret.reveal() },
      origin,
    });
    this.clients.set(provider, client);
    return client;
  }

  private vendorOf({ application }: OAuthRules): Vendor {
    const name = application.toUpperCase();
    const unheard = { application: null, origin: null, variables: [`${name}_CLIENT_ID`, `${name}_CLIENT_SECRET`] };
    return this.config.vendors[application] ?? unheard;
  }
}
