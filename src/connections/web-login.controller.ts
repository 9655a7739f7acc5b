import { Controller, Delete, HttpCode, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import {
  Connection,
  ConnectionRequest,
  ProviderParams,
  WebLoginBegun,
  WebLoginParams,
  WebLoginWaiting,
} from '#contracts';
import {
  Access,
  type Caller,
  CurrentCaller,
  Describe,
  FromBody,
  FromPath,
  RECENT_USERS,
  USERS,
} from '../access/index.js';
import type { Connector } from './connect.js';
import { ShowConnections } from './show-connections.js';
import { Spreads } from './spreads.js';
import { TryLimit } from './try-limit.js';
import { WebLogin } from './web-login.js';

/** Connecting by the sign-in page of the provider itself, as Nextcloud has one. */
@Controller('api/cloud/login')
export class WebLoginController {
  constructor(
    private readonly login: WebLogin,
    private readonly show: ShowConnections,
    private readonly spreads: Spreads,
    private readonly limit: TryLimit,
  ) {}

  @Post(':provider')
  @Access(RECENT_USERS)
  @Describe({
    summary:
      'Begins to connect by the provider’s own sign-in page; takes its address as `url`. Open `page` in a browser.',
    answers: { 201: WebLoginBegun },
    problems: ['not-found', 'forbidden', 'sign-in-again', 'too-many-requests', 'unavailable'],
  })
  async begin(
    @CurrentCaller() caller: Caller,
    @FromPath(ProviderParams) { provider }: ProviderParams,
    @FromBody(ConnectionRequest) { label, house, domain, ...settings }: ConnectionRequest,
  ): Promise<WebLoginBegun> {
    await this.limit.count(caller.accountId);
    const wishes = { house: house ?? false, ...(domain === undefined ? {} : { domain }) };
    const begun = await this.login.begin(connector(caller), { provider, label, settings, ...wishes });
    return { ...begun, expiresAt: begun.expiresAt.toISOString() };
  }

  @Post(':provider/:id')
  @HttpCode(200)
  @Access(USERS)
  @Describe({
    summary:
      'Asks whether the person has finished: 200 while not, 201 with the connection once. Ask every few seconds.',
    answers: { 200: WebLoginWaiting, 201: Connection },
    problems: ['connection-test-failed', 'exists', 'not-found', 'unavailable'],
  })
  async collect(
    @CurrentCaller() caller: Caller,
    @FromPath(WebLoginParams) { provider, id }: WebLoginParams,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Connection | WebLoginWaiting> {
    const row = await this.login.collect(connector(caller), provider, id);
    if (!row) return { waiting: true };
    this.spreads.forget();
    response.status(201);
    return this.show.one(caller.accountId, row.id);
  }

  @Delete(':provider/:id')
  @HttpCode(204)
  @Access(USERS)
  @Describe({
    summary: 'Gives up; a login that was handed out already goes back.',
    answers: { 204: null },
    problems: ['not-found'],
  })
  async giveUp(
    @CurrentCaller() caller: Caller,
    @FromPath(WebLoginParams) { provider, id }: WebLoginParams,
  ): Promise<void> {
    await this.login.giveUp(connector(caller), provider, id);
  }
}

function connector(caller: Caller): Connector {
  return { account: caller.accountId, admin: caller.roles.includes('admin') };
}
