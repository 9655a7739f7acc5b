import type { GrantedTokens, Settings } from '#storage';
import type { GrantTimes } from './tokens.store.js';

/** What is sealed of a consent. */
export interface TokenSecrets {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** What was asked for, for vendors that want to hear it again. */
  readonly scopes: readonly string[];
}

export function asSettings({ accessToken, refreshToken, scopes }: TokenSecrets): Settings {
  return { accessToken, refreshToken, scopes: scopes.join(' ') };
}

export function fromSettings({ accessToken = '', refreshToken = '', scopes = '' }: Settings): TokenSecrets {
  return { accessToken, refreshToken, scopes: scopes.split(' ').filter((scope) => scope !== '') };
}

/** `sinceMs`: how long ago the vendor gave them. */
export function timesOf({ expiresInMs, grantEndsInMs }: GrantedTokens, sinceMs = 0): GrantTimes {
  return {
    livesMs: expiresInMs,
    goodMs: expiresInMs - sinceMs,
    grantEndsInMs: grantEndsInMs === null ? null : grantEndsInMs - sinceMs,
  };
}
