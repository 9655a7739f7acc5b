import { createHash, createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';

export interface NewUser {
  readonly email: string;
  readonly name?: string;
  readonly kind?: 'personal' | 'business';
  /** Bytes; 5 GiB where nothing is said. */
  readonly quota?: number;
}

export interface User {
  readonly email: string;
  readonly name: string;
  readonly kind: 'personal' | 'business';
  readonly quota: number;
  readonly objectId: string;
  readonly tenantId: string;
  readonly driveId: string;
  /** What was ever consented to, and not withdrawn since. */
  readonly consented: Set<string>;
  /** Refresh tokens issued before this are dead. */
  revokedAt: number;
}

export interface Application {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly name: string;
  /** Exact addresses; null takes every one that Microsoft would take at all. */
  readonly redirectUris: readonly string[] | null;
}

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export interface Transaction {
  readonly user: User;
  readonly redirectUri: string;
  readonly challenge: string | null;
  readonly method: string;
  readonly scopes: readonly string[];
  readonly nonce: string | null;
}

interface Code extends Transaction {
  readonly issuedAt: number;
  used: boolean;
}

interface RefreshToken {
  readonly user: User;
  readonly scopes: readonly string[];
  readonly issuedAt: number;
  dead: boolean;
}

interface AccessToken {
  readonly user: User;
  readonly scopes: readonly string[];
  expiresAt: number;
}

/** How the sign-in behaves; a test may change it at any time. */
export interface SignInWays {
  /** Seconds that an access token lives. */
  accessTokenSeconds: number;
  /** What using a refresh token does to it. Microsoft leaves it alive. */
  rotation: 'old stays valid' | 'old dies' | 'none';
  /** Scopes in token answers: short names, or whole addresses as some tenants give them. */
  scopeSpelling: 'short' | 'address';
  /** The operator's secret has lapsed. */
  secretExpired: boolean;
}

export interface Clock {
  now(): number;
}

const codeLifeMs = 10 * 60_000;
const idleRefreshMs = 90 * 24 * 3_600_000;

/** An answer of the token endpoint that is none. */
export class SignInRefusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly number: number,
    words: string,
  ) {
    super(words);
  }
}

export function scopeName(scope: string): string {
  return scope.replace(/^https:\/\/graph\.microsoft\.com\//i, '');
}

/** Who there is, what they have consented to, and every code and token that came of it. */
export class Accounts {
  readonly users: User[] = [];
  readonly ways: SignInWays = {
    accessTokenSeconds: 3600,
    rotation: 'old stays valid',
    scopeSpelling: 'short',
    secretExpired: false,
  };
  /** How often a refresh token was exchanged for new ones. */
  refreshes = 0;
  private readonly codes = new Map<string, Code>();
  private readonly refreshTokens = new Map<string, RefreshToken>();
  private readonly accessTokens = new Map<string, AccessToken>();

  constructor(
    readonly application: Application,
    private readonly clock: Clock,
  ) {}

  add({ email, name = email, kind = 'personal', quota = 5 * 1024 ** 3 }: NewUser): User {
    const driveId = kind === 'personal' ? randomBytes(8).toString('hex') : `b!${randomBytes(24).toString('base64url')}`;
    const [objectId, tenantId] = [randomUUID(), randomUUID()];
    const consented = new Set<string>();
    const user = { email, name, kind, quota, objectId, tenantId, driveId, consented, revokedAt: -Infinity };
    this.users.push(user);
    return user;
  }

  find(email: string): User {
    const user = this.users.find((one) => one.email === email);
    if (!user) throw new Error(`the double knows no ${email}`);
    return user;
  }

  /** Tokens without the detour over the page. */
  grant(email: string, scopes: readonly string[]): Tokens {
    const user = this.find(email);
    for (const scope of scopes) user.consented.add(scope);
    return this.issue(user, scopes);
  }

  makeCode(transaction: Transaction): string {
    const code = `M.C5_${randomBytes(24).toString('base64url')}!${randomBytes(8).toString('base64url')}`;
    for (const scope of transaction.scopes) transaction.user.consented.add(scope);
    this.codes.set(code, { ...transaction, issuedAt: this.clock.now(), used: false });
    return code;
  }

  /** All of this user's refresh tokens die, as after “revoke sessions”. Access tokens live on until they expire. */
  revoke(email: string): void {
    this.find(email).revokedAt = this.clock.now();
  }

  /** The user has taken the application off the list at Microsoft. */
  withdrawConsent(email: string): void {
    this.find(email).consented.clear();
  }

  expireAccessTokens(): void {
    for (const token of this.accessTokens.values()) token.expiresAt = this.clock.now();
  }

  /** Who calls, or null for a token that is none or has expired. */
  bearer(header: string | undefined): AccessToken | null {
    const token = this.accessTokens.get(/^Bearer (\S+)$/i.exec(header ?? '')?.[1] ?? '');
    return token && token.expiresAt > this.clock.now() ? token : null;
  }

  /** The token endpoint. Throws SignInRefusal. */
  exchange(form: URLSearchParams, authorization: string | undefined): Record<string, unknown> {
    for (const name of new Set(form.keys())) {
      if (form.getAll(name).length > 1)
        throw new SignInRefusal(400, 'invalid_request', 900_144, `${name} is repeated.`);
    }
    this.requireClient(form, authorization);
    switch (form.get('grant_type')) {
      case 'authorization_code':
        return this.answer(this.redeem(form));
      case 'refresh_token':
        return this.answer(this.refresh(form));
      default:
        throw new SignInRefusal(400, 'unsupported_grant_type', 70_003, 'The grant type is not supported.');
    }
  }

  private requireClient(form: URLSearchParams, authorization: string | undefined): void {
    const basic = /^Basic (\S+)$/i.exec(authorization ?? '')?.[1];
    const [user, password] = basic ? Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent) : [];
    const [id, secret] = [form.get('client_id') ?? user, form.get('client_secret') ?? password ?? ''];
    if (id !== this.application.clientId) {
      throw new SignInRefusal(400, 'unauthorized_client', 700_016, 'Application was not found in the directory.');
    }
    if (this.ways.secretExpired) {
      throw new SignInRefusal(401, 'invalid_client', 7_000_222, 'The provided client secret keys are expired.');
    }
    const [given, known] = [secret, this.application.clientSecret].map((text) =>
      createHash('sha256').update(text).digest(),
    );
    if (!timingSafeEqual(given!, known!)) {
      throw new SignInRefusal(401, 'invalid_client', 7_000_215, 'Invalid client secret provided.');
    }
  }

  private redeem(form: URLSearchParams): { user: User; scopes: readonly string[]; nonce: string | null } {
    const code = this.codes.get(form.get('code') ?? '');
    if (!code) throw new SignInRefusal(400, 'invalid_grant', 9_002_313, 'The provided code is malformed or unknown.');
    if (code.used)
      throw new SignInRefusal(400, 'invalid_grant', 54_005, 'The authorization code was already redeemed.');
    if (this.clock.now() - code.issuedAt > codeLifeMs) {
      throw new SignInRefusal(400, 'invalid_grant', 70_008, 'The provided authorization code is expired.');
    }
    if (form.get('redirect_uri') !== code.redirectUri) {
      throw new SignInRefusal(400, 'invalid_grant', 500_112, 'The reply address does not match.');
    }
    const verifier = form.get('code_verifier') ?? '';
    const hashed = code.method === 'S256' ? createHash('sha256').update(verifier).digest('base64url') : verifier;
    if (code.challenge !== null && (hashed !== code.challenge || !/^[\w.~-]{43,128}$/.test(verifier))) {
      throw new SignInRefusal(400, 'invalid_grant', 501_481, 'The code verifier does not match the code challenge.');
    }
    code.used = true;
    return { user: code.user, scopes: this.asked(form, code.scopes), nonce: code.nonce };
  }

  private refresh(form: URLSearchParams): { user: User; scopes: readonly string[] } {
    const token = this.refreshTokens.get(form.get('refresh_token') ?? '');
    if (!token || token.dead) throw new SignInRefusal(400, 'invalid_grant', 70_000, 'The refresh token is not valid.');
    if (this.clock.now() - token.issuedAt > idleRefreshMs) {
      throw new SignInRefusal(400, 'invalid_grant', 700_082, 'The refresh token has expired due to inactivity.');
    }
    if (token.issuedAt <= token.user.revokedAt) {
      throw new SignInRefusal(400, 'invalid_grant', 50_173, 'The provided grant has expired due to it being revoked.');
    }
    const scopes = this.asked(form, token.scopes);
    this.refreshes += 1;
    if (this.ways.rotation === 'old dies') token.dead = true;
    return { user: token.user, scopes };
  }

  /** Not more than was consented to; what was not asked for by name is what the grant had. */
  private asked(form: URLSearchParams, granted: readonly string[]): readonly string[] {
    const asked = (form.get('scope') ?? '').split(' ').filter(Boolean).map(scopeName);
    return asked.length === 0
      ? granted
      : [...new Set([...asked.filter((scope) => granted.includes(scope)), ...granted])];
  }

  private answer(grant: { user: User; scopes: readonly string[]; nonce?: string | null }): Record<string, unknown> {
    const { user, scopes, nonce } = grant;
    if (!scopes.some((scope) => user.consented.has(scope))) {
      throw new SignInRefusal(400, 'invalid_grant', 65_001, 'The user has not consented to use the application.');
    }
    const { accessToken, refreshToken } = this.issue(user, scopes);
    const spelt = (scope: string) =>
      this.ways.scopeSpelling === 'address' && scope.includes('.') ? `https://graph.microsoft.com/${scope}` : scope;
    return {
      token_type: 'Bearer',
      // `offline_access` is not among them; what was consented to earlier is.
      scope: [...new Set([...scopes, ...user.consented])]
        .filter((scope) => scope !== 'offline_access')
        .map(spelt)
        .join(' '),
      expires_in: this.ways.accessTokenSeconds,
      ext_expires_in: this.ways.accessTokenSeconds,
      access_token: accessToken,
      ...(scopes.includes('offline_access') && this.ways.rotation !== 'none' && { refresh_token: refreshToken }),
      ...(scopes.includes('openid') && { id_token: this.idToken(user, nonce ?? null) }),
    };
  }

  private issue(user: User, scopes: readonly string[]): Tokens {
    const accessToken = `EwB${randomBytes(48).toString('base64')}`;
    const refreshToken = `M.C5${randomBytes(48).toString('base64url')}`;
    const now = this.clock.now();
    this.accessTokens.set(accessToken, { user, scopes, expiresAt: now + this.ways.accessTokenSeconds * 1000 });
    this.refreshTokens.set(refreshToken, { user, scopes, issuedAt: now, dead: false });
    return { accessToken, refreshToken };
  }

  private idToken(user: User, nonce: string | null): string {
    const seconds = Math.floor(this.clock.now() / 1000);
    const claims = {
      iss: `https://login.microsoftonline.com/${user.tenantId}/v2.0`,
      aud: this.application.clientId,
      iat: seconds,
      exp: seconds + 3600,
      sub: user.objectId,
      oid: user.objectId,
      tid: user.tenantId,
      name: user.name,
      preferred_username: user.email,
      ...(nonce !== null && { nonce }),
    };
    const text = [{ typ: 'JWT', alg: 'HS256' }, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    );
    const seal = createHmac('sha256', this.application.clientSecret).update(text.join('.')).digest('base64url');
    return [...text, seal].join('.');
  }
}
