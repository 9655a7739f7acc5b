import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { newVerifier } from '#storage';
import { Ephemeral } from '../../ephemeral/index.js';
import { CredentialKeyring } from '../../keys/index.js';

/** What a question to a person was asked with, and what its answer is held against. */
export interface ConsentFlow {
  readonly account: string;
  /** The sign-in that asked. It has to stand, still, when the answer comes. */
  readonly session: string;
  readonly provider: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly required: readonly string[];
  readonly label: string | null;
  readonly house: boolean;
  readonly domain: string | null;
  /** The connection that is to be connected anew. */
  readonly reconnect: string | null;
}

interface Kept extends ConsentFlow {
  readonly verifier: string;
  readonly browser: string;
}

export interface BegunFlow {
  readonly state: string;
  readonly verifier: string;
  /** For the browser that asks, and nobody else. */
  readonly cookie: string;
}

interface Sealed {
  readonly [part: string]: string | number;
  readonly sealed: string;
  readonly wrappedKey: string;
  readonly epoch: number;
}

const LIFE_MS = 10 * 60_000;
const STATE = /^[A-Za-z0-9_-]{43}$/;
const COOKIE = 'tessera-consent-';

/**
 * Questions that were asked on vendors' pages and not answered yet. A state is 256 random bits and is given out once: by
 * an atomic take, before anything else happens, whatever then comes of it. Each question has a cookie of its own, so
 * that an answer counts only in the browser that asked, and only for its own question. What lies in the short-lived state
 * is named by the state's hash and sealed: who reads it learns neither states nor verifiers, who writes there can ask in
 * nobody's name, and who empties it makes people begin again.
 */
@Injectable()
export class ConsentFlows {
  private readonly log = new Logger('connections');

  constructor(
    private readonly ephemeral: Ephemeral,
    private readonly keyring: CredentialKeyring,
  ) {}

  async begin(flow: ConsentFlow): Promise<BegunFlow> {
    const [state, cookie] = [randomBytes(32).toString('base64url'), randomBytes(32).toString('base64url')];
    const verifier = newVerifier();
    const kept: Kept = { ...flow, verifier, browser: hashOf(cookie).toString('base64url') };
    const { sealed, wrappedKey, epoch } = this.keyring.seal(placeOf(state), Buffer.from(JSON.stringify(kept)));
    const value: Sealed = { sealed: sealed.toString('base64'), wrappedKey: wrappedKey.toString('base64'), epoch };
    await this.ephemeral.put(keyOf(state), value, LIFE_MS);
    return { state, verifier, cookie };
  }

  /**
   * Whose answer this is; afterwards nobody's. Null for a state that was never given out, was used, or has expired, and
   * for another browser's. `cookieNamed` reads a cookie of the request that brought the answer.
   */
  async take(
    state: string,
    cookieNamed: (name: string) => string | undefined,
  ): Promise<(ConsentFlow & { readonly verifier: string }) | null> {
    if (!STATE.test(state)) return null;
    const found = await this.ephemeral.take<Sealed>(keyOf(state));
    if (found === null) return null;
    const flow = this.open(state, found);
    if (flow === null) return null;
    const { browser, ...rest } = flow;
    const cookie = hashOf(cookieNamed(cookieOf(state)) ?? '');
    if (timingSafeEqual(cookie, Buffer.from(browser, 'base64url'))) return rest;
    this.log.warn(
      `An answer from ${flow.provider} came in another browser than the one that had asked; it was refused.`,
    );
    return null;
  }

  private open(state: string, { sealed, wrappedKey, epoch }: Sealed): Kept | null {
    const credentials = { sealed: Buffer.from(sealed, 'base64'), wrappedKey: Buffer.from(wrappedKey, 'base64'), epoch };
    try {
      return JSON.parse(this.keyring.open(placeOf(state), credentials).toString()) as Kept;
    } catch {
      this.log.warn('What the short-lived state held of a consent was not ours; it was refused.');
      return null;
    }
  }
}

/** Names no state: several questions may be open in one browser. */
export function cookieOf(state: string): string {
  return COOKIE + hashOf(state).toString('hex').slice(0, 16);
}

function keyOf(state: string): string {
  return `consent:${hashOf(state).toString('base64url')}`;
}

/** Sealed for this very state: what lies under another key does not open. */
function placeOf(state: string): { account: null; connection: string } {
  const hex = createHash('sha256').update(`consent flow ${state}`).digest('hex');
  const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
  return { account: null, connection: id };
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
