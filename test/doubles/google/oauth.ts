import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { html, type Inquiry, json, nothing, type Reply } from './answering.js';
import { consentPage, refusalPage } from './consent-page.js';
import type { Grants } from './grants.js';
import type { GoogleUser, GoogleWays } from './ways.js';

interface Application {
  readonly clientId: string;
  readonly clientSecret: string;
}

interface Question {
  readonly redirect: string;
  readonly state: string | null;
  readonly scopes: readonly string[];
  readonly offline: boolean;
  readonly asksAnew: boolean;
  readonly challenge: string | null;
  readonly challengeMethod: string;
}

interface Code {
  readonly question: Question;
  readonly user: GoogleUser;
  readonly scopes: readonly string[];
  readonly expiresAt: number;
  used: boolean;
  /** What came of it: a code that is used again takes it back. */
  accessToken: string | null;
}

const codeLifeMs = 10 * 60_000;

class OAuthRefusal extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    description: string,
    readonly more: object = {},
  ) {
    super(description);
  }
}

const deadGrant = (): OAuthRefusal => new OAuthRefusal(400, 'invalid_grant', 'Token has been expired or revoked.');

/** accounts.google.com and oauth2.googleapis.com: the consent page, tokens, revocation. */
export class OAuth {
  readonly codes = new Map<string, Code>();
  private readonly questions = new Map<string, Question>();

  constructor(
    private readonly application: Application,
    private readonly users: readonly GoogleUser[],
    private readonly grants: Grants,
    private readonly ways: GoogleWays,
    private readonly now: () => number,
  ) {}

  /** Null where the address is none of ours. */
  answer(inquiry: Inquiry): Reply | null {
    const serve = this.routes[`${inquiry.method} ${inquiry.url.pathname}`];
    if (!serve) return null;
    try {
      return serve(inquiry);
    } catch (error) {
      if (!(error instanceof OAuthRefusal)) throw error;
      if (inquiry.url.pathname.startsWith('/o/'))
        return html(error.status, refusalPage(error.status, error.reason, error.message));
      return json(error.status, { error: error.reason, error_description: error.message, ...error.more });
    }
  }

  private readonly routes: Readonly<Record<string, (inquiry: Inquiry) => Reply>> = {
    'GET /o/oauth2/v2/auth': ({ url }) => this.ask(url.searchParams),
    'POST /o/oauth2/v2/auth/decision': (inquiry) => this.decide(formOf(inquiry)),
    'POST /token': (inquiry) => this.token(inquiry),
    'POST /revoke': (inquiry) => this.revoke(inquiry),
    'GET /tokeninfo': ({ url }) => this.tokenInfo(url.searchParams.get('access_token') ?? ''),
    'POST /tokeninfo': ({ url }) => this.tokenInfo(url.searchParams.get('access_token') ?? ''),
  };

  /** What is wrong with the client or the redirect is told here, and nobody is sent anywhere. */
  private ask(query: URLSearchParams): Reply {
    if (query.get('client_id') !== this.application.clientId)
      throw new OAuthRefusal(401, 'invalid_client', 'The OAuth client was not found.');
    const redirect = query.get('redirect_uri') ?? '';
    const known = this.ways.redirectAddresses?.includes(redirect) ?? URL.canParse(redirect);
    if (!known) throw new OAuthRefusal(400, 'redirect_uri_mismatch', `This address is not registered: ${redirect}`);
    if (query.get('response_type') !== 'code')
      throw new OAuthRefusal(400, 'unsupported_response_type', 'The response type must be “code”.');
    const scopes = (query.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
    if (scopes.length === 0) throw new OAuthRefusal(400, 'invalid_request', 'Missing required parameter: scope');
    const challenge = query.get('code_challenge');
    const challengeMethod = query.get('code_challenge_method') ?? 'plain';
    if (challenge !== null && (!/^[\w.~-]{43,128}$/.test(challenge) || !['S256', 'plain'].includes(challengeMethod)))
      throw new OAuthRefusal(400, 'invalid_request', 'The code challenge cannot be used.');
    const id = randomBytes(18).toString('base64url');
    this.questions.set(id, {
      redirect,
      state: query.get('state'),
      scopes,
      offline: query.get('access_type') === 'offline',
      asksAnew: (query.get('prompt') ?? '').split(' ').includes('consent'),
      challenge,
      challengeMethod,
    });
    return html(200, consentPage({ id, users: this.users, scopes, hint: query.get('login_hint') }));
  }

  private decide(form: URLSearchParams): Reply {
    const id = form.get('question') ?? '';
    const question = this.questions.get(id);
    const user = this.users.find(({ email }) => email === form.get('user'));
    if (!question || !user) throw new OAuthRefusal(400, 'invalid_request', 'This page is too old. Please start again.');
    this.questions.delete(id);
    const back = new URL(question.redirect);
    if (question.state !== null) back.searchParams.set('state', question.state);
    const scopes = question.scopes.filter((scope) => form.getAll('scope').includes(scope));
    if (form.get('decision') !== 'allow' || scopes.length === 0) {
      back.searchParams.set('error', 'access_denied');
      return nothing(303, { location: back.href });
    }
    const code = `4/0A${randomBytes(32).toString('base64url')}`;
    this.codes.set(code, {
      question,
      user,
      scopes,
      expiresAt: this.now() + codeLifeMs,
      used: false,
      accessToken: null,
    });
    back.searchParams.set('code', code);
    back.searchParams.set('scope', scopes.join(' '));
    return nothing(303, { location: back.href });
  }

  private token(inquiry: Inquiry): Reply {
    const form = formOf(inquiry);
    this.checkApplication(form, inquiry.headers.authorization);
    switch (form.get('grant_type')) {
      case 'authorization_code':
        return this.exchange(form);
      case 'refresh_token':
        return this.refresh(form.get('refresh_token') ?? '');
      default:
        throw new OAuthRefusal(400, 'unsupported_grant_type', 'Invalid grant_type');
    }
  }

  private exchange(form: URLSearchParams): Reply {
    const code = this.codes.get(form.get('code') ?? '');
    if (!code || code.expiresAt <= this.now()) throw new OAuthRefusal(400, 'invalid_grant', 'Malformed auth code.');
    if (code.used) {
      if (code.accessToken !== null) this.grants.revoke(code.accessToken);
      throw new OAuthRefusal(400, 'invalid_grant', 'Bad Request');
    }
    // Whatever is wrong with it from here on: a code is good for one attempt.
    code.used = true;
    const { question, user, scopes } = code;
    if (form.get('redirect_uri') !== question.redirect)
      throw new OAuthRefusal(400, 'redirect_uri_mismatch', 'Bad Request');
    checkVerifier(question, form.get('code_verifier'));
    const { grant, first } = this.grants.allow(user, scopes);
    const lasting = question.offline && (first || question.asksAnew);
    const refreshToken = lasting ? this.grants.newRefreshToken(grant, scopes) : null;
    code.accessToken = this.grants.newAccessToken(grant, scopes, refreshToken);
    return json(200, this.told(code.accessToken, scopes, refreshToken));
  }

  private refresh(token: string): Reply {
    const found = this.grants.findRefresh(token);
    if (!found) throw deadGrant();
    const { grant, scopes } = found;
    let next: string | null = null;
    if (this.ways.rotatesRefreshTokens) {
      this.grants.refreshTokens.delete(token);
      next = this.grants.newRefreshToken(grant, scopes);
    }
    return json(200, this.told(this.grants.newAccessToken(grant, scopes, next ?? token), scopes, next));
  }

  private told(accessToken: string, scopes: readonly string[], refreshToken: string | null): object {
    const lapses = this.ways.refreshTokenSeconds;
    return {
      access_token: accessToken,
      expires_in: this.ways.accessTokenSeconds,
      ...(refreshToken === null ? {} : { refresh_token: refreshToken }),
      ...(refreshToken === null || lapses === null ? {} : { refresh_token_expires_in: lapses }),
      scope: scopes.join(' '),
      token_type: 'Bearer',
    };
  }

  private checkApplication(form: URLSearchParams, authorization: string | undefined): void {
    const basic = authorization?.startsWith('Basic ')
      ? Buffer.from(authorization.slice(6), 'base64').toString().split(':').map(decodeURIComponent)
      : null;
    const [id, secret] = basic ?? [form.get('client_id'), form.get('client_secret')];
    if (id !== this.application.clientId)
      throw new OAuthRefusal(401, 'invalid_client', 'The OAuth client was not found.');
    if (!same(secret ?? '', this.application.clientSecret))
      throw new OAuthRefusal(401, 'invalid_client', 'Unauthorized');
  }

  private revoke({ url, headers, body }: Inquiry): Reply {
    const form = isForm(headers) ? new URLSearchParams(body.toString()) : new URLSearchParams();
    if (!this.grants.revoke(form.get('token') ?? url.searchParams.get('token') ?? ''))
      throw new OAuthRefusal(400, 'invalid_token', 'Token expired or revoked');
    return nothing(200);
  }

  private tokenInfo(token: string): Reply {
    const found = this.grants.findAccess(token);
    if (!found) throw new OAuthRefusal(400, 'invalid_token', 'Invalid Value');
    return json(200, {
      aud: this.application.clientId,
      scope: found.scopes.join(' '),
      expires_in: String(Math.floor((found.expiresAt - this.now()) / 1000)),
      access_type: found.refreshToken === null ? 'online' : 'offline',
    });
  }
}

function checkVerifier({ challenge, challengeMethod }: Question, verifier: string | null): void {
  if (challenge === null) {
    if (verifier !== null) throw new OAuthRefusal(400, 'invalid_grant', 'code_verifier or verifier is not needed.');
    return;
  }
  if (verifier === null) throw new OAuthRefusal(400, 'invalid_grant', 'Missing code verifier.');
  const shown = challengeMethod === 'S256' ? createHash('sha256').update(verifier).digest('base64url') : verifier;
  if (!same(shown, challenge)) throw new OAuthRefusal(400, 'invalid_grant', 'Invalid code verifier.');
}

function formOf({ headers, body }: Inquiry): URLSearchParams {
  if (!isForm(headers)) throw new OAuthRefusal(400, 'invalid_request', 'The body has to be form-encoded.');
  const form = new URLSearchParams(body.toString());
  for (const name of form.keys()) {
    if (name !== 'scope' && form.getAll(name).length > 1)
      throw new OAuthRefusal(400, 'invalid_request', `Parameter not allowed twice: ${name}`);
  }
  return form;
}

function isForm(headers: Inquiry['headers']): boolean {
  return (headers['content-type'] ?? '').split(';')[0]!.trim() === 'application/x-www-form-urlencoded';
}

function same(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
