import { Controller, Get, Patch } from '@nestjs/common';
import { DefaultStorage, DefaultStorageChange } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromBody, USERS } from '../access/index.js';
import { Spreads } from './spreads.js';

/** How an account's new chunks are spread. */
@Controller('api/users/me/default-storage')
export class DefaultStorageController {
  constructor(private readonly spreads: Spreads) {}

  @Get()
  @Access(USERS)
  @Describe({ summary: 'How new chunks are spread.', answers: { 200: DefaultStorage } })
  look(@CurrentCaller() caller: Caller): Promise<DefaultStorage> {
    return this.spreads.of(caller.accountId);
  }

  @Patch()
  @Access(USERS)
  @Describe({
    summary: 'Changes how new chunks are spread; what is stored already stays where it is until that is applied.',
    answers: { 200: DefaultStorage },
    problems: ['spread-unmet'],
  })
  change(
    @CurrentCaller() caller: Caller,
    @FromBody(DefaultStorageChange) body: DefaultStorageChange,
  ): Promise<DefaultStorage> {
    return this.spreads.change(caller.accountId, { ...body, connections: body.connections ?? null });
  }
}
