import type { Connection } from '#contracts';
import type { ConsentChoice, GoogleDouble } from '../doubles/google/index.js';
import { CLOUD } from './consenting-cloud.js';
import type { TestGateway } from './gateway.js';
import { type Answer, call } from './people.js';

type Where = Pick<TestGateway, 'url'>;

export interface Begun {
  /** The vendor's page. */
  readonly url: string;
  readonly state: string;
  /** As the browser sends it back: `name=value`. */
  readonly cookie: string;
  readonly answer: Answer;
}

/** Begins as a program does. */
export async function begin(gateway: Where, token: string, query = '', provider = CLOUD): Promise<Begun> {
  const answer = await call(gateway, `/api/cloud/oauth/initiate/${provider}${query}`, { token });
  if (answer.status !== 200) throw new Error(`Beginning was answered ${answer.status}: ${answer.text}`);
  const { url } = answer.json<{ url: string }>();
  const cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0]!;
  return { url, state: new URL(url).searchParams.get('state') ?? '', cookie, answer };
}

/** Brings back to the gateway what the vendor's page gave to the browser. */
export async function bringBack(
  gateway: Where,
  back: URL,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return call(gateway, back.pathname + back.search, { headers: { Accept: 'application/json', ...headers } });
}

export interface Consented {
  readonly query?: string;
  readonly choice?: Partial<ConsentChoice>;
  readonly provider?: string;
}

/** The whole way, as a program with cookies goes it; the answer of the callback. */
export async function tryToConnect(
  gateway: Where,
  google: GoogleDouble,
  token: string,
  { query, choice, provider }: Consented = {},
): Promise<Answer> {
  const begun = await begin(gateway, token, query, provider);
  const back = await google.consent(begun.url, { decision: 'allow', ...choice });
  return bringBack(gateway, back, { Cookie: begun.cookie });
}

export async function connectByConsent(
  gateway: Where,
  google: GoogleDouble,
  token: string,
  consented: Consented = {},
): Promise<Connection> {
  const answer = await tryToConnect(gateway, google, token, consented);
  if (answer.status !== 201) throw new Error(`Connecting was answered ${answer.status}: ${answer.text}`);
  return answer.json<Connection>();
}

/** The operator's variables for a gateway that knows this stand-in. */
export function googleSettings(google: GoogleDouble): Record<string, string> {
  return {
    GOOGLE_CLIENT_ID: google.clientId,
    GOOGLE_CLIENT_SECRET: google.clientSecret,
    TESSERA_GOOGLE_ORIGIN: google.origin,
  };
}
