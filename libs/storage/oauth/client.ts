import { CodeRefused, ConsentWithdrawn } from '../errors.js';
import { challengeOf } from './pkce.js';
import type { OAuthEndpoints, OAuthRules } from './rules.js';
import { type GrantedTokens, readTokens, refusalOf } from './token-answer.js';
import { askTokenService, type TokenServiceAnswer } from './token-request.js';

/** The operator's registration at a vendor. */
export interface OAuthRegistration {
  readonly clientId: string;
  /** Asked for when it is sent, so that whoever keeps it can go on hiding it. */
  clientSecret(): string;
}

export interface AuthorizeRequest {
  readonly redirectUri: string;
  readonly state: string;
  readonly verifier: string;
  readonly scopes: readonly string[];
}

export interface CodeExchange {
  readonly code: string;
  readonly verifier: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
}

interface OAuthClientPlace {
  readonly rules: OAuthRules;
  readonly registration: OAuthRegistration;
  readonly origin: string | null;
  readonly withinMs?: number;
}

/** Everything at a token service takes less than this, or is given up. Shorter than anybody's claim to be the one who asks. */
const USUAL_WITHIN_MS = 15_000;

/**
 * Speaks OAuth 2.0 with one vendor: the code flow with PKCE, as a confidential client, and nothing else. Its addresses
 * come from the description of the provider, never from a person or an answer. No fault that it throws holds a secret, a
 * token, a code, or a word of the vendor's beyond known error codes.
 */
export class OAuthClient {
  private readonly rules: OAuthRules;
  private readonly registration: OAuthRegistration;
  private readonly endpoints: OAuthEndpoints;
  private readonly withinMs: number;

  constructor({ rules, registration, origin, withinMs }: OAuthClientPlace) {
    this.rules = rules;
    this.registration = registration;
    this.endpoints = rules.endpoints(origin);
    this.withinMs = withinMs ?? USUAL_WITHIN_MS;
  }

  /** Where a browser is sent to ask the person. */
  authorizeUrl({ redirectUri, state, verifier, scopes }: AuthorizeRequest): string {
    const url = new URL(this.endpoints.authorize);
    const parameters = {
      ...this.rules.authorizeParameters,
      client_id: this.registration.clientId,
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: scopes.join(' '),
      state,
      code_challenge: challengeOf(verifier),
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
  }

  /** Throws CodeRefused for a code that is used, expired or another's; ApplicationRefused, Throttled, ConnectionAway. */
  async exchange({ code, verifier, redirectUri, scopes }: CodeExchange, signal?: AbortSignal): Promise<GrantedTokens> {
    const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: verifier };
    const answer = await this.ask({ ...form, ...this.scopeFor(scopes) }, signal);
    try {
      return readTokens(answer);
    } catch (error) {
      throw error instanceof ConsentWithdrawn ? new CodeRefused() : error;
    }
  }

  /** Throws ConsentWithdrawn when there will be no more tokens; ApplicationRefused, Throttled, ConnectionAway. */
  async refresh(refreshToken: string, scopes: readonly string[], signal?: AbortSignal): Promise<GrantedTokens> {
    const form = { grant_type: 'refresh_token', refresh_token: refreshToken };
    return readTokens(await this.ask({ ...form, ...this.scopeFor(scopes) }, signal));
  }

  /** Whether the vendor offers to withdraw a consent for us (RFC 7009). */
  get revokes(): boolean {
    return this.endpoints.revoke !== null;
  }

  /** Afterwards the vendor knows the token no more; that it was dead already is as good. Throws like `refresh`. */
  async revoke(token: string, signal?: AbortSignal): Promise<void> {
    const { revoke: url } = this.endpoints;
    if (url === null) return;
    const answer = await askTokenService({ url, form: { token }, withinMs: this.withinMs, signal });
    if (answer.status === 200 || answer.status === 204) return;
    if (answer.status === 400 && ALREADY_DEAD.has(String(answer.body?.['error']))) return;
    throw refusalOf(answer);
  }

  private ask(form: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<TokenServiceAnswer> {
    const { clientId } = this.registration;
    return askTokenService({
      url: this.endpoints.token,
      form: { ...form, client_id: clientId, client_secret: this.registration.clientSecret() },
      withinMs: this.withinMs,
      signal,
    });
  }

  private scopeFor(scopes: readonly string[]): { scope?: string } {
    return this.rules.scopeInTokenRequest ? { scope: scopes.join(' ') } : {};
  }
}

const ALREADY_DEAD = new Set(['invalid_token', 'invalid_grant']);
