import { randomBytes } from 'node:crypto';
import type { GoogleUser, GoogleWays } from './ways.js';

/** What a user has allowed the app, for as long as it holds. */
export interface Grant {
  readonly user: GoogleUser;
  scopes: readonly string[];
  /** How often consent was given: with the first, or after it was withdrawn, a new one begins. */
  readonly generation: number;
  /** Since when there is no grant any more. */
  withdrawn: boolean;
}

interface Token {
  readonly grant: Grant;
  readonly scopes: readonly string[];
  /** Of the double's clock; Infinity where it does not lapse. */
  readonly expiresAt: number;
  readonly refreshToken: string | null;
}

/** Who allowed what, and the tokens that say so. */
export class Grants {
  readonly accessTokens = new Map<string, Token>();
  readonly refreshTokens = new Map<string, Token>();
  private readonly byUser = new Map<string, Grant>();

  constructor(
    private readonly ways: GoogleWays,
    private readonly now: () => number,
  ) {}

  /** Scopes add up over the consents of a user. Says whether there was none before. */
  allow(user: GoogleUser, scopes: readonly string[]): { grant: Grant; first: boolean } {
    const standing = this.byUser.get(user.id);
    if (standing && !standing.withdrawn) {
      standing.scopes = [...new Set([...standing.scopes, ...scopes])];
      return { grant: standing, first: false };
    }
    const grant = { user, scopes, generation: (standing?.generation ?? 0) + 1, withdrawn: false };
    this.byUser.set(user.id, grant);
    return { grant, first: true };
  }

  newAccessToken(grant: Grant, scopes: readonly string[], refreshToken: string | null): string {
    const token = `ya29.a0${randomBytes(60).toString('base64url')}`;
    const expiresAt = this.now() + this.ways.accessTokenSeconds * 1000;
    this.accessTokens.set(token, { grant, scopes, expiresAt, refreshToken });
    return token;
  }

  newRefreshToken(grant: Grant, scopes: readonly string[]): string {
    const live = [...this.refreshTokens].filter(([, token]) => token.grant === grant);
    for (const [old] of live.slice(0, Math.max(0, live.length + 1 - this.ways.mostRefreshTokens)))
      this.refreshTokens.delete(old);
    const token = `1//0g${randomBytes(48).toString('base64url')}`;
    const seconds = this.ways.refreshTokenSeconds ?? Infinity;
    this.refreshTokens.set(token, { grant, scopes, expiresAt: this.now() + seconds * 1000, refreshToken: null });
    return token;
  }

  findAccess(token: string): Token | null {
    return this.living(this.accessTokens.get(token));
  }

  findRefresh(token: string): Token | null {
    return this.living(this.refreshTokens.get(token));
  }

  /** All that the user allowed to the project ends, whichever of its tokens is given. False: it was dead already. */
  revoke(token: string): boolean {
    const found = this.findAccess(token) ?? this.findRefresh(token);
    if (found) this.withdraw(found.grant.user);
    return found !== null;
  }

  withdraw(user: GoogleUser): void {
    const grant = this.byUser.get(user.id);
    if (grant) grant.withdrawn = true;
  }

  private living(token: Token | undefined): Token | null {
    return token && !token.grant.withdrawn && token.expiresAt > this.now() ? token : null;
  }
}
