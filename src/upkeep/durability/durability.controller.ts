import { Controller, Get } from '@nestjs/common';
import { DurabilityOfAccount, DurabilityOfEntry } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, USERS } from '../../access/index.js';
import { type Names, TreePath } from '../../files/index.js';
import { ShowDurability } from './show-durability.js';

/** How safe what is stored is. */
@Controller('api')
export class DurabilityController {
  constructor(private readonly show: ShowDurability) {}

  @Get('durability')
  @Access(USERS)
  @Describe({
    summary:
      'How many more losses everything survives that the account stores, what is at risk, and what is done about it.',
    answers: { 200: DurabilityOfAccount },
  })
  account(@CurrentCaller() caller: Caller): Promise<DurabilityOfAccount> {
    return this.show.ofAccount(caller.accountId);
  }

  @Get('durability/*path')
  @Access(USERS)
  @Describe({
    summary: 'How many more losses a file survives, or a folder with all that lies in it, in their newest versions.',
    answers: { 200: DurabilityOfEntry },
    problems: ['bad-name'],
  })
  entry(@CurrentCaller() caller: Caller, @TreePath() names: Names): Promise<DurabilityOfEntry> {
    return this.show.of(caller.accountId, names);
  }
}
