/** How a provider is asked for consent (OAuth 2.0, the code flow with PKCE and nothing else). All of it is ours: no address comes from a person or from an answer. */
export interface OAuthRules {
  /** Which of the operator's applications asks: several kinds of storage of one vendor may share it. */
  readonly application: string;
  /** With an origin, it stands in for all the vendor's hosts, paths unchanged. */
  endpoints(origin: string | null): OAuthEndpoints;
  /** What may be asked for; the first one is, unless the person chooses another. */
  readonly consents: readonly Consent[];
  /** Added to the authorization request: what makes this vendor hand out a refresh token, for one. */
  readonly authorizeParameters: Readonly<Record<string, string>>;
  /** Whether the scopes are sent again with each token request. */
  readonly scopeInTokenRequest: boolean;
  /** A grant that is not used for so long lapses; it is refreshed well before. Null where it does not. */
  readonly idleGrantMs: number | null;
  /** Whose account it is, asked with a fresh token before anything is kept. */
  identify(place: { readonly tokens: AccessTokens; readonly origin: string | null }): Promise<RemoteAccount>;
  /** Where the person withdraws the consent, for vendors that we cannot ask to. */
  readonly withdrawAt: string;
}

export interface OAuthEndpoints {
  readonly authorize: string;
  readonly token: string;
  /** Null where the vendor offers none. */
  readonly revoke: string | null;
}

export interface Consent {
  readonly id: string;
  /** What the person lets us do, in plain words. */
  readonly title: string;
  readonly scopes: readonly string[];
  /** Of these, without which the connection is of no use: people can untick, and vendors can grant less. */
  readonly required: readonly string[];
}

export interface RemoteAccount {
  /** The vendor's own id of the account; never an address that somebody else may have tomorrow. */
  readonly id: string;
  /** What its owner knows it by: an e-mail address, mostly. */
  readonly name: string;
}

/** Access tokens of one connection, refreshed in good time by whoever keeps them. */
export interface AccessTokens {
  /**
   * One that is good for a while. Throws ConsentWithdrawn when there will be none until somebody connects anew,
   * ConnectionAway when the vendor cannot be asked now.
   */
  current(signal?: AbortSignal): Promise<string>;
  /** The provider refused this one with a 401: another one, unless somebody has fetched it already. Throws like `current`. */
  renew(refused: string, signal?: AbortSignal): Promise<string>;
}
