import { Controller, Delete, Get, HttpCode } from '@nestjs/common';
import { IdParams, Leaving, LeavingQuery } from '#contracts';
import {
  Access,
  type Caller,
  CurrentCaller,
  Describe,
  FromPath,
  FromQuery,
  RECENT_USERS,
  USERS,
} from '../access/index.js';
import { Disconnect } from './disconnect.js';

/** Letting a connection go. */
@Controller('api/cloud/connections')
export class LeavingController {
  constructor(private readonly disconnect: Disconnect) {}

  @Get(':id/leaving')
  @Access(USERS)
  @Describe({
    summary: 'What would become of what lies on a connection, were it removed now. Nothing is changed.',
    answers: { 200: Leaving },
    problems: ['not-found', 'forbidden'],
  })
  look(@CurrentCaller() caller: Caller, @FromPath(IdParams) { id }: IdParams): Promise<Leaving> {
    return this.disconnect.look(owner(caller), id);
  }

  @Delete(':id')
  @HttpCode(204)
  @Access(RECENT_USERS)
  @Describe({
    summary:
      'Removes a connection and forgets its credentials at once. Refused while files lie there, unless `force` says that what lies only there may become unreadable.',
    answers: { 204: null },
    problems: ['not-found', 'forbidden', 'sign-in-again', 'connection-in-use', 'immutable'],
  })
  remove(
    @CurrentCaller() caller: Caller,
    @FromPath(IdParams) { id }: IdParams,
    @FromQuery(LeavingQuery) { force }: LeavingQuery,
  ): Promise<void> {
    return this.disconnect.run(owner(caller), id, force);
  }
}

function owner({ accountId, roles }: Caller): { account: string; admin: boolean } {
  return { account: accountId, admin: roles.includes('admin') };
}
