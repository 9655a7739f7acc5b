import { randomBytes } from 'node:crypto';
import { json, type Reply } from './answering.js';
import { Drive } from './drive.js';
import { Faults, type Rough, type ScriptLine } from './faults.js';
import { Grants } from './grants.js';
import { OAuth } from './oauth.js';
import type { Item } from './items.js';
import { type Heard, listen, type Received } from './server.js';
import { driveFile, type GoogleUser, type GoogleWays, usualUsers, usualWays } from './ways.js';

export interface GoogleOptions {
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly users?: readonly GoogleUser[];
  readonly ways?: Partial<GoogleWays>;
  /** Milliseconds; what lapses, lapses by it. */
  readonly now?: () => number;
  /** Any that is free, without it. */
  readonly port?: number;
}

export interface ConsentChoice {
  readonly decision: 'allow' | 'deny';
  /** By e-mail address; the first one without it. */
  readonly user?: string;
  /** What is left unticked. */
  readonly untick?: readonly string[];
}

export interface TokenPair {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/**
 * Google, as far as Tessera speaks to it, as an HTTP server on the loopback: the consent page, tokens, revocation and
 * Drive, under the paths of the real hosts. Everything about it can be made to go wrong.
 */
export interface GoogleDouble {
  /** What stands in for all of Google's hosts. */
  readonly origin: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly users: readonly GoogleUser[];
  readonly ways: GoogleWays;
  /** Every request, oldest first. */
  readonly heard: readonly Heard[];
  /** How often each kind of misdeed has happened. */
  readonly misdeeds: ReadonlyMap<string, number>;
  /** Does with the consent page at this address what a person does in a browser; tells where Google sends them. */
  consent(address: string, choice: ConsentChoice): Promise<URL>;
  /** A consent without the page, for tests that begin behind it. */
  grant(user?: string, scopes?: readonly string[]): TokenPair;
  /** The user takes the app's access away, on Google's own pages. */
  withdraw(user?: string): void;
  /** Access tokens that are out there answer 401 from now on; refresh tokens go on. */
  expireAccessTokens(): void;
  /** As if they had not been used for six months. */
  expireRefreshTokens(): void;
  /** What lies in a user's Drive, whoever put it there. */
  items(user?: string): ReadonlyMap<string, Item>;
  /** The user puts something into the Drive, or into a folder of it; the app does not see it. Its id. */
  addByHand(name: string, options?: { readonly parent?: string; readonly user?: string }): string;
  /** The user trashes something, or takes it out again. */
  trash(id: string, trashed?: boolean): void;
  /** The user deletes something for good. */
  deleteByHand(id: string): void;
  /** Other bytes come to lie there, as the user, or Google, may see fit. */
  changeByHand(id: string, bytes: Buffer): void;
  /** Upload sessions lapse, as they do after a week. */
  expireSessions(): void;
  /** Replaces the script of misdeeds, and counts anew. */
  follow(script: readonly ScriptLine[]): void;
  /** A share of all requests goes wrong; null ends it. */
  roughen(rough: Rough | null): void;
  stop(): Promise<void>;
}

export async function startGoogle(options: GoogleOptions = {}): Promise<GoogleDouble> {
  const clientId = options.clientId ?? 'tessera.apps.googleusercontent.com';
  const clientSecret = options.clientSecret ?? `GOCSPX-${randomBytes(12).toString('base64url')}`;
  const users = options.users ?? usualUsers;
  const now = options.now ?? Date.now;
  const ways: GoogleWays = { ...usualWays, ...options.ways };
  const faults = new Faults();
  const grants = new Grants(ways, now);
  const oauth = new OAuth({ clientId, clientSecret }, users, grants, ways, now);
  const drive = new Drive(grants, ways, now);
  const route = (received: Received): Reply =>
    (received.whole ? oauth.answer(received) : null) ?? drive.answer(received) ?? json(404, { error: 'not_found' });
  const server = await listen(route, faults, options.port);
  const userOf = (email = users[0]!.email): GoogleUser => {
    const found = users.find((user) => user.email === email);
    if (!found) throw new Error(`There is no user ${email}.`);
    return found;
  };
  return {
    origin: server.origin,
    clientId,
    clientSecret,
    users,
    ways,
    heard: server.heard,
    misdeeds: faults.happened,
    consent: (address, choice) => consent(server.origin, address, { user: users[0]!.email, ...choice }),
    grant(email, scopes = [driveFile]) {
      const { grant } = grants.allow(userOf(email), scopes);
      const refreshToken = grants.newRefreshToken(grant, scopes);
      return { refreshToken, accessToken: grants.newAccessToken(grant, scopes, refreshToken) };
    },
    withdraw: (email) => grants.withdraw(userOf(email)),
    expireAccessTokens: () => grants.accessTokens.clear(),
    expireRefreshTokens: () => grants.refreshTokens.clear(),
    items: (email) => drive.of(userOf(email)).all,
    addByHand: (name, { parent, user } = {}) =>
      drive
        .of(userOf(user))
        .make({ name, parents: parent === undefined ? undefined : [parent] }, Buffer.from(name), null).id,
    trash: (id, trashed = true) => drive.changeByHand(id, (items, item) => items.change(item, { trashed }, null)),
    deleteByHand: (id) => drive.changeByHand(id, (items, item) => items.delete(item)),
    changeByHand: (id, bytes) => drive.changeByHand(id, (items, item) => items.change(item, {}, bytes)),
    expireSessions: () => drive.expireSessions(),
    follow: (script) => faults.follow(script),
    roughen: (rough) => faults.roughen(rough),
    stop: server.stop,
  };
}

/** The page is fetched and its form sent, as a browser would; the redirect is told and not followed. */
async function consent(
  origin: string,
  address: string,
  { decision, user = '', untick = [] }: ConsentChoice,
): Promise<URL> {
  const page = await fetch(new URL(address, origin), { redirect: 'manual' });
  const text = await page.text();
  if (page.status !== 200)
    throw new Error(`The consent page answers ${page.status}: ${text.replaceAll(/<[^>]*>/g, ' ')}`);
  const valuesOf = (name: string): string[] =>
    [...text.matchAll(new RegExp(`name="${name}" value="([^"]*)"`, 'g'))].map(([, value]) => value!);
  const form = new URLSearchParams({ question: valuesOf('question')[0] ?? '', user, decision });
  for (const scope of valuesOf('scope')) if (!untick.includes(scope)) form.append('scope', scope);
  const answer = await fetch(`${origin}/o/oauth2/v2/auth/decision`, { method: 'POST', body: form, redirect: 'manual' });
  const location = answer.headers.get('location');
  if (location === null) throw new Error(`The consent page answers ${answer.status} to the decision.`);
  return new URL(location);
}
