import { randomUUID } from 'node:crypto';
import type { Role, SignInAnswer, User } from '#contracts';
import { FIRST_ACCOUNT, type TestGateway } from './gateway.js';

export const PASSWORD = 'a perfectly fine password';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; throws where it is none. */
  json<T = Record<string, unknown>>(): T;
}

export interface Call {
  readonly method?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, unless it is text or bytes. */
  readonly body?: unknown;
}

export async function call(gateway: Pick<TestGateway, 'url'>, path: string, options: Call = {}): Promise<Answer> {
  const { token, body } = options;
  const raw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
  const answer = await fetch(gateway.url + path, {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...options.headers,
    },
    body: raw ? body : JSON.stringify(body),
    redirect: 'manual',
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, json: <T>() => JSON.parse(text) as T };
}

/** A bearer token. */
export async function signIn(
  gateway: Pick<TestGateway, 'url'>,
  who: { email: string; password: string } = FIRST_ACCOUNT,
): Promise<string> {
  const answer = await call(gateway, '/api/auth/login', { body: { email: who.email, password: who.password } });
  if (answer.status !== 200) throw new Error(`Signing in was answered ${answer.status}: ${answer.text}`);
  return answer.json<SignInAnswer>().token;
}

export interface Person {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly token: string;
}

/** A new account that is signed in. */
export async function newPerson(gateway: TestGateway, admin: string, roles: readonly Role[]): Promise<Person> {
  const email = `${randomUUID()}@example.org`;
  const made = await call(gateway, '/api/admin/users', { token: admin, body: { email, password: PASSWORD, roles } });
  if (made.status !== 201) throw new Error(`Making an account was answered ${made.status}: ${made.text}`);
  const token = await signIn(gateway, { email, password: PASSWORD });
  return { id: made.json<User>().id, email, password: PASSWORD, token };
}
