import { Controller, Get, HttpCode, Patch, Post } from '@nestjs/common';
import {
  ConnectionDetails,
  ConnectionChange,
  ConnectionList,
  ConnectionRequest,
  ConnectionTest,
  IdParams,
  ProviderList,
  ProviderParams,
} from '#contracts';
import { providers } from '#storage';
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
import { ChangeConnection } from './change-connection.js';
import { Connect, type ConnectRequest, type Connector } from './connect.js';
import { providerKind } from './provider-kind.js';
import { ShowConnections } from './show-connections.js';
import { Spreads } from './spreads.js';
import { TryLimit } from './try-limit.js';
import { Vendors } from './vendors.js';

/** Connecting places that keep blobs, and looking at them. */
@Controller('api/cloud')
export class ConnectionsController {
  constructor(
    private readonly connect: Connect,
    private readonly show: ShowConnections,
    private readonly changeConnection: ChangeConnection,
    private readonly spreads: Spreads,
    private readonly limit: TryLimit,
    private readonly vendors: Vendors,
  ) {}

  @Get('providers')
  @Access(USERS)
  @Describe({ summary: 'The kinds of storage there are, each with its form.', answers: { 200: ProviderList } })
  kinds(): ProviderList {
    return { items: providers.map((provider) => providerKind(provider, this.vendors)) };
  }

  @Get('connections')
  @Access(USERS)
  @Describe({ summary: 'The account’s own connections and the house’s.', answers: { 200: ConnectionList } })
  async list(@CurrentCaller() caller: Caller): Promise<ConnectionList> {
    return { items: await this.show.all(caller.accountId) };
  }

  @Get('connections/:id')
  @Access(USERS)
  @Describe({
    summary: 'One connection, with what it was asked and moved in a day.',
    answers: { 200: ConnectionDetails },
  })
  one(@CurrentCaller() caller: Caller, @FromPath(IdParams) { id }: IdParams): Promise<ConnectionDetails> {
    return this.show.one(caller.accountId, id);
  }

  @Patch('connections/:id')
  @Access(USERS)
  @Describe({
    summary:
      'Changes its label, whether it is used, its priority or its limits; gives it up, or takes that back. An admin may also make a vault a spool, have backups kept there, or acknowledge an alarm.',
    answers: { 200: ConnectionDetails },
    problems: ['not-found', 'forbidden'],
  })
  async change(
    @CurrentCaller() caller: Caller,
    @FromPath(IdParams) { id }: IdParams,
    @FromBody(ConnectionChange) body: ConnectionChange,
  ): Promise<ConnectionDetails> {
    await this.changeConnection.run(connector(caller), id, body);
    return this.show.one(caller.accountId, id);
  }

  @Post('connections/:provider')
  @Access(RECENT_USERS)
  @Describe({
    summary: 'Tests a place (write, read back, compare, delete) and keeps it. Takes the fields of the provider’s form.',
    answers: { 201: ConnectionDetails },
    problems: ['connection-test-failed', 'exists', 'not-found', 'forbidden', 'sign-in-again', 'too-many-requests'],
  })
  async make(
    @CurrentCaller() caller: Caller,
    @FromPath(ProviderParams) { provider }: ProviderParams,
    @FromBody(ConnectionRequest) body: ConnectionRequest,
  ): Promise<ConnectionDetails> {
    await this.limit.count(caller.accountId);
    const { id } = await this.connect.run(connector(caller), request(provider, body));
    this.spreads.forget();
    return this.show.one(caller.accountId, id);
  }

  @Post('connections/:provider/test')
  @HttpCode(200)
  @Access(USERS)
  @Describe({
    summary: 'The same test; nothing is kept.',
    answers: { 200: ConnectionTest },
    problems: ['connection-test-failed', 'not-found', 'forbidden', 'too-many-requests'],
  })
  async test(
    @CurrentCaller() caller: Caller,
    @FromPath(ProviderParams) { provider }: ProviderParams,
    @FromBody(ConnectionRequest) body: ConnectionRequest,
  ): Promise<ConnectionTest> {
    await this.limit.count(caller.accountId);
    const { steps } = await this.connect.test(connector(caller), request(provider, body));
    return { ok: true, steps: [...steps] };
  }
}

function connector(caller: Caller): Connector {
  return { account: caller.accountId, admin: caller.roles.includes('admin') };
}

function request(provider: string, { label, house, domain, ...settings }: ConnectionRequest): ConnectRequest {
  return { provider, label, settings, house: house ?? false, ...(domain === undefined ? {} : { domain }) };
}
