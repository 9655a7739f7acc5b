import { randomUUID } from 'node:crypto';
import { type Accounts, scopeName, SignInRefusal, type User } from './accounts.js';
import { consentPage, errorPage } from './consent-page.js';
import type { Asked, Reply } from './exchange.js';

const path = /^\/([^/]+)\/oauth2\/v2\.0\/(authorize|token)$/;

/** login.microsoftonline.com: the page that asks the person, and the token endpoint. Null where the path is none of its own. */
export function signIn(accounts: Accounts, asked: Asked): Reply | null {
  const [, tenant = '', verb] = path.exec(asked.url.pathname) ?? [];
  if (verb === undefined) return null;
  if (verb === 'token') return asked.method === 'POST' ? token(accounts, asked) : plain(405);
  if (asked.method === 'GET') return askPerson(accounts, tenant, asked.url.search.slice(1));
  return asked.method === 'POST' ? answerOfPerson(accounts, tenant, asked) : plain(405);
}

interface Wish {
  readonly redirectUri: string;
  readonly state: string | null;
  readonly scopes: readonly string[];
  readonly challenge: string | null;
  readonly method: string;
  readonly nonce: string | null;
  readonly prompt: string | null;
}

function askPerson(accounts: Accounts, tenant: string, query: string): Reply {
  const wish = readWish(accounts, query);
  if (isReply(wish)) return wish;
  if (wish.prompt === 'none') return sendBack(wish, { error: 'interaction_required' });
  const html = consentPage(accounts.application, usersOf(accounts, tenant), wish.scopes, query);
  return { status: 200, headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: html };
}

function answerOfPerson(accounts: Accounts, tenant: string, asked: Asked): Reply {
  const form = new URLSearchParams(asked.body.toString());
  const wish = readWish(accounts, form.get('query') ?? '');
  if (isReply(wish)) return wish;
  if (form.get('answer') !== 'allow') {
    const words = 'AADSTS65004: User declined to consent to access the app.';
    return sendBack(wish, { error: 'access_denied', error_subcode: 'cancel', error_description: words });
  }
  const user = usersOf(accounts, tenant).find(({ email }) => email === form.get('user'));
  if (!user) return trouble('AADSTS50020: This account does not exist here.');
  const scopes = form.has('scopes') ? (form.get('scopes') ?? '').split(' ') : wish.scopes;
  return sendBack(wish, { code: accounts.makeCode({ ...wish, user, scopes }) });
}

function usersOf({ users }: Accounts, tenant: string): User[] {
  if (tenant === 'consumers') return users.filter(({ kind }) => kind === 'personal');
  if (tenant === 'organizations') return users.filter(({ kind }) => kind === 'business');
  return tenant === 'common' ? users : users.filter(({ tenantId }) => tenantId === tenant);
}

/** Who asks and where the answer goes is checked first: what is wrong there is told to the person, never sent back. */
function readWish({ application }: Accounts, query: string): Wish | Reply {
  const given = new URLSearchParams(query);
  if (new Set(given.keys()).size !== [...given.keys()].length) return trouble('AADSTS900144: A parameter is repeated.');
  if (given.get('client_id') !== application.clientId) return trouble('AADSTS700016: There is no such application.');
  const redirectUri = given.get('redirect_uri') ?? '';
  if (!(application.redirectUris?.includes(redirectUri) ?? isPossibleRedirect(redirectUri))) {
    return trouble('AADSTS50011: The redirect address does not match those of the application.');
  }
  const wish: Wish = {
    redirectUri,
    state: given.get('state'),
    scopes: (given.get('scope') ?? '').split(' ').filter(Boolean).map(scopeName),
    challenge: given.get('code_challenge'),
    method: given.get('code_challenge_method') ?? 'plain',
    nonce: given.get('nonce'),
    prompt: given.get('prompt'),
  };
  if (given.get('response_type') !== 'code') return sendBack(wish, { error: 'unsupported_response_type' });
  if (!['query', null].includes(given.get('response_mode'))) return sendBack(wish, { error: 'invalid_request' });
  if (!['S256', 'plain'].includes(wish.method)) return sendBack(wish, { error: 'invalid_request' });
  if (wish.scopes.length === 0) return sendBack(wish, { error: 'invalid_scope' });
  return wish;
}

function isPossibleRedirect(address: string): boolean {
  const url = URL.parse(address);
  if (!url || address.includes('#')) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && ['localhost', '127.0.0.1'].includes(url.hostname));
}

function sendBack({ redirectUri, state }: Wish, parameters: Record<string, string>): Reply {
  const back = new URL(redirectUri);
  for (const [name, value] of Object.entries(parameters)) back.searchParams.set(name, value);
  if (state !== null) back.searchParams.set('state', state);
  return { status: 302, headers: { Location: back.href }, body: '' };
}

function token(accounts: Accounts, { body, headers }: Asked): Reply {
  const json = { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' };
  try {
    const answer = accounts.exchange(new URLSearchParams(body.toString()), headers.authorization);
    return { status: 200, headers: json, body: JSON.stringify(answer) };
  } catch (error) {
    if (!(error instanceof SignInRefusal)) throw error;
    const [trace_id, correlation_id] = [randomUUID(), randomUUID()];
    const timestamp = new Date().toISOString().replace('T', ' ').replace(/\.\d+/, '');
    const words = `AADSTS${error.number}: ${error.message} Trace ID: ${trace_id} Correlation ID: ${correlation_id} Timestamp: ${timestamp}`;
    const told = { error: error.code, error_description: words, error_codes: [error.number] };
    return {
      status: error.status,
      headers: json,
      body: JSON.stringify({ ...told, timestamp, trace_id, correlation_id }),
    };
  }
}

function trouble(words: string): Reply {
  return { status: 400, headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: errorPage(words) };
}

function plain(status: number): Reply {
  return { status, headers: {}, body: '' };
}

function isReply(given: Wish | Reply): given is Reply {
  return 'status' in given;
}
