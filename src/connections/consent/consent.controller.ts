import { Controller, Get, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Connection, ConsentStarted, ConsentStartQuery, ProviderParams } from '#contracts';
import {
  Access,
  type Caller,
  cookieOptions,
  CurrentCaller,
  Describe,
  ForeignOrigin,
  FromPath,
  FromQuery,
  isSecure,
  readCookie,
} from '../../access/index.js';
import { Config } from '../../config/index.js';
import { ConsentStateRefused } from '../errors.js';
import { ShowConnections } from '../show-connections.js';
import { Spreads } from '../spreads.js';
import { cookieOf } from './consent-flows.js';
import { ConsentLimit } from './consent-limit.js';
import { type BroughtBack, FinishConsent } from './finish-consent.js';
import { StartConsent } from './start-consent.js';

const COOKIE_LIFE_MS = 10 * 60_000;
/** Where a browser lands. The only place there is, so that nobody can have it sent elsewhere. */
const LANDING = '/clouds?connected';
const MOST_STATES = 8;

/** Connecting a cloud by its owner's consent, on the vendor's own page (OAuth 2.0). */
@Controller('api/cloud/oauth')
export class ConsentController {
  constructor(
    private readonly config: Config,
    private readonly start: StartConsent,
    private readonly finish: FinishConsent,
    private readonly show: ShowConnections,
    private readonly spreads: Spreads,
    private readonly limit: ConsentLimit,
  ) {}

  @Get('initiate/:provider')
  @Access({ roles: ['user'], recent: true })
  @Describe({
    summary: 'Begins to connect by consent: the address of the vendor’s page, or the way there for a browser.',
    answers: { 200: ConsentStarted, 302: null },
    headers: { Accept: 'text/html is answered with 302' },
    problems: ['not-configured', 'not-found', 'forbidden', 'sign-in-again', 'too-many-requests', 'foreign-origin'],
  })
  async initiate(
    @CurrentCaller() caller: Caller,
    @FromPath(ProviderParams) { provider }: ProviderParams,
    @FromQuery(ConsentStartQuery) query: ConsentStartQuery,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<ConsentStarted | undefined> {
    const browser = this.meetBrowser(request, response);
    refuseForeign(request, caller);
    await this.limit.countStart(caller.accountId);
    const { url, state, cookie } = await this.start.run(caller, { provider, ...query });
    const options = { ...cookieOptions(this.config.publicUrl), maxAge: COOKIE_LIFE_MS };
    response.cookie(this.named(cookieOf(state)), cookie, options);
    if (!browser) return { url };
    response.status(302).setHeader('Location', url);
    return undefined;
  }

  @Get('callback/:provider')
  @Access('public')
  @Describe({
    summary: 'Where the vendor sends the browser back to. The state in it counts once, in the browser that asked.',
    answers: { 201: Connection, 303: null },
    headers: { Accept: 'application/json is answered with the connection, text/html with the way to the console' },
    problems: ['oauth-state', 'oauth-denied', 'connection-test-failed', 'exists', 'conflict', 'too-many-requests'],
  })
  async callback(
    @FromPath(ProviderParams) { provider }: ProviderParams,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Connection | undefined> {
    const browser = this.meetBrowser(request, response);
    const brought = this.broughtBack(provider, request);
    const clear = cookieOptions(this.config.publicUrl);
    for (const state of brought.states) response.clearCookie(this.named(cookieOf(state)), clear);
    const { row, account } = await this.finish.run(brought).catch(async (error: unknown) => {
      if (error instanceof ConsentStateRefused) await this.limit.countMiss(request.ip);
      throw error;
    });
    this.spreads.forget();
    if (!browser) {
      response.status(201);
      return this.show.one(account, row.id);
    }
    response.status(303).setHeader('Location', this.config.publicUrl + LANDING);
    return undefined;
  }

  private meetBrowser(request: Request, response: Response): boolean {
    response.vary('Accept');
    request.showsPages = request.accepts(['json', 'html']) === 'html';
    return request.showsPages;
  }

  private broughtBack(provider: string, request: Request): BroughtBack {
    const given = ['state', 'code', 'error'].map((name) => [request.query[name] ?? []].flat() as string[]);
    const [states = [], codes = [], errors = []] = given;
    return {
      provider,
      states: states.slice(0, MOST_STATES),
      code: codes[0],
      error: errors[0],
      repeated: given.some((values) => values.length > 1),
      cookieNamed: (name) => readCookie(request, this.named(name)),
    };
  }

  /** Over TLS the prefix keeps neighbours from planting one. */
  private named(cookie: string): string {
    return isSecure(this.config.publicUrl) ? `__Host-${cookie}` : cookie;
  }
}

/** A GET that the cookie signs in could come from any page; browsers say so. A typed address and our own pages are fine. */
function refuseForeign(request: Request, { via }: Caller): void {
  const site = request.headers['sec-fetch-site'];
  if (via === 'cookie' && (site === 'cross-site' || site === 'same-site')) throw new ForeignOrigin();
}
