import { ApplicationRefused, ConnectionAway, ConsentWithdrawn, type StorageFault, Throttled } from '../errors.js';
import type { TokenServiceAnswer } from './token-request.js';

/** What a vendor hands out for a code or a refresh token. */
export interface GrantedTokens {
  readonly accessToken: string;
  /** Null where the vendor gave no new one: the one there is stays good. */
  readonly refreshToken: string | null;
  /** How long the access token is good. */
  readonly expiresInMs: number;
  /** Null where the vendor does not say: then it is what was asked for. */
  readonly scopes: readonly string[] | null;
  /** When the whole consent lapses, where the vendor has limited it. */
  readonly grantEndsInMs: number | null;
}

const LONGEST_TOKEN = 16 * 1024;
/** Nothing that could end a header. */
const TOKEN = /^[\x21-\x7e]+$/;
/** Where a vendor does not say how long: shorter than any of them gives. */
const UNSAID_LIFE_SECONDS = 300;
const LONGEST_LIFE_SECONDS = 30 * 86_400;
const LONGEST_GRANT_SECONDS = 10 * 365 * 86_400;
/** A vendor's wish to be left alone is granted so far, and not for a year by a slip of its own. */
const LONGEST_WAIT_MS = 15 * 60_000;

/** The tokens in an answer, or what it means that there are none. */
export function readTokens(answer: TokenServiceAnswer): GrantedTokens {
  if (answer.status !== 200) throw refusalOf(answer);
  const { body } = answer;
  const accessToken = readToken(body?.['access_token']);
  const type = body?.['token_type'];
  if (body === null || accessToken === null || (typeof type === 'string' && type.toLowerCase() !== 'bearer')) {
    throw new ConnectionAway('The vendor’s sign-in service does not answer as one does.');
  }
  const grantEnds = seconds(body['refresh_token_expires_in'], LONGEST_GRANT_SECONDS);
  return {
    accessToken,
    refreshToken: readToken(body['refresh_token']),
    expiresInMs: (seconds(body['expires_in'], LONGEST_LIFE_SECONDS) ?? UNSAID_LIFE_SECONDS) * 1000,
    scopes: typeof body['scope'] === 'string' ? body['scope'].split(' ').filter((scope) => scope !== '') : null,
    grantEndsInMs: grantEnds === null ? null : grantEnds * 1000,
  };
}

/** Only somebody's new consent helps. */
const WITHDRAWN = new Set(['invalid_grant', 'interaction_required', 'consent_required', 'login_required']);
/** The operator's registration at the vendor is wrong: no person can mend it, and none has withdrawn anything. */
const OPERATORS = new Set([
  'invalid_client',
  'unauthorized_client',
  'invalid_scope',
  'redirect_uri_mismatch',
  'unsupported_grant_type',
  'invalid_request',
  'org_internal',
  'admin_policy_enforced',
  'disabled_client',
  'deleted_client',
]);

/** What a refusal means. Of the vendor's words only codes are used, and only known ones. */
export function refusalOf({ status, body, retryAfter }: TokenServiceAnswer): StorageFault {
  if (status === 429) return new Throttled(waitOf(retryAfter));
  if (status < 400 || status >= 500 || status === 408) {
    return new ConnectionAway('The vendor’s sign-in service cannot answer at the moment.');
  }
  const code = typeof body?.['error'] === 'string' ? body['error'] : '';
  if (code === 'temporarily_unavailable' || code === 'server_error' || code === 'slow_down') {
    return new ConnectionAway('The vendor’s sign-in service cannot answer at the moment.');
  }
  if (WITHDRAWN.has(code)) return new ConsentWithdrawn();
  if (OPERATORS.has(code)) return new ApplicationRefused(code, secretExpired(body));
  // A proxy's page, or a vendor that says something new: neither proves that a consent is gone.
  return body === null
    ? new ConnectionAway('The vendor’s sign-in service does not answer as one does.')
    : new ApplicationRefused('an error that is not known here');
}

/** 7000222 is Microsoft's word for it; their secrets have a maximum life, so this comes to every operator one day. */
function secretExpired(body: TokenServiceAnswer['body']): boolean {
  const codes = body?.['error_codes'];
  return Array.isArray(codes) && codes.includes(7_000_222);
}

function waitOf(retryAfter: string | null): number | null {
  if (retryAfter === null) return null;
  const ms = /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Number.isNaN(ms) ? null : Math.min(LONGEST_WAIT_MS, Math.max(0, ms));
}

function readToken(value: unknown): string | null {
  return typeof value === 'string' && value.length <= LONGEST_TOKEN && TOKEN.test(value) ? value : null;
}

function seconds(value: unknown, most: number): number | null {
  const number = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && number > 0 ? Math.min(most, number) : null;
}
