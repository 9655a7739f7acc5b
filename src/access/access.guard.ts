import { createHash, timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { BasicSignIn, type Identity, Sessions } from '../accounts/index.js';
import { Config, type Secret } from '../config/index.js';
import { ACCESS, type AccessRule } from './access.js';
import type { Caller } from './caller.js';
import { cookieName } from './cookie.js';
import { type Credentials, readCredentials } from './credentials.js';
import { ForeignOrigin, NotAllowed, NotSignedIn } from './faults.js';
import { requireRecentSignIn } from './recent-sign-in.js';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const CHALLENGE = 'Basic realm="Tessera", charset="UTF-8"';
/** An app password is not guessed, an account's own is: both are far shorter than this. */
const LONGEST_PASSWORD = 512;

/** Stands before every route. What a route does not allow is refused; a route that says nothing allows nobody. */
@Injectable()
export class AccessGuard implements CanActivate {
  readonly #cookie: string;

  constructor(
    private readonly reflector: Reflector,
    private readonly sessions: Sessions,
    private readonly basic: BasicSignIn,
    private readonly config: Config,
  ) {
    this.#cookie = cookieName(config.publicUrl);
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const rule = this.reflector.get<AccessRule | undefined>(ACCESS, context.getHandler());
    if (rule === undefined) throw new NotAllowed();
    if (rule === 'public') return true;
    const request = context.switchToHttp().getRequest<Request>();
    const response = context.switchToHttp().getResponse<Response>();
    if (asksForPassword(rule)) response.setHeader('WWW-Authenticate', CHALLENGE);
    const credentials = readCredentials(request, this.#cookie);
    if (credentials === null) throw new NotSignedIn();
    if (rule === 'scrape' && isSecret(credentials, this.config.metricsToken)) return true;
    request.caller = await this.#recognise(request, credentials, rule);
    if (asksForPassword(rule)) response.removeHeader('WWW-Authenticate');
    if (!allows(rule, request.caller)) throw new NotAllowed();
    if (typeof rule === 'object' && rule.recent === true) await requireRecentSignIn(this.sessions, request.caller);
    return true;
  }

  async #recognise(request: Request, credentials: Credentials, rule: AccessRule): Promise<Caller> {
    const identity = await this.#identify(request, credentials, rule);
    if (identity === null || credentials.via === 'unknown') throw new NotSignedIn();
    this.#refuseForeign(request, credentials.via);
    return { ...identity, via: credentials.via };
  }

  async #identify(request: Request, credentials: Credentials, rule: AccessRule): Promise<Identity | null> {
    if (credentials.via === 'unknown') return null;
    if (credentials.via !== 'basic') return this.sessions.find(credentials.token);
    const takesBasic = typeof rule === 'object' && rule.basic === true;
    if (!takesBasic || credentials.password.length > LONGEST_PASSWORD || credentials.email.length > 1024) return null;
    return this.basic.signIn(credentials.email, credentials.password, request.ip);
  }

  /** Browsers add cookies, and Basic credentials once given, to requests that other people's pages make. */
  #refuseForeign(request: Request, via: Caller['via']): void {
    if (via === 'bearer' || SAFE.has(request.method)) return;
    const { origin } = request.headers;
    if (origin === undefined && via === 'basic') return;
    if (origin !== this.config.publicUrl) throw new ForeignOrigin();
  }
}

function asksForPassword(rule: AccessRule): boolean {
  return typeof rule === 'object' && rule.challenge === true;
}

function allows(rule: AccessRule, caller: Caller): boolean {
  if (rule === 'public' || rule === 'signed-in') return true;
  const roles = rule === 'scrape' ? (['admin'] as const) : rule.roles;
  return roles.some((role) => caller.roles.includes(role));
}

function isSecret(credentials: Credentials, secret: Secret | null): boolean {
  if (secret === null || credentials.via !== 'bearer') return false;
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(credentials.token), digest(secret.reveal()));
}
