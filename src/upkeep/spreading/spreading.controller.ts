import { Controller, HttpCode, Post } from '@nestjs/common';
import { JobAccepted } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, USERS } from '../../access/index.js';
import { SpreadAnew } from './spread-anew.js';

/** Bringing what is stored already into line with the default storage. */
@Controller('api/users/me/default-storage')
export class SpreadingController {
  constructor(private readonly spreading: SpreadAnew) {}

  @Post('apply')
  @HttpCode(202)
  @Access(USERS)
  @Describe({
    summary:
      'Spreads what is stored already as the default storage says now, chunk by chunk, while all of it stays readable. Asked again, it answers the same job, which can be called off at any time.',
    answers: { 202: JobAccepted },
  })
  async apply(@CurrentCaller() caller: Caller): Promise<JobAccepted> {
    return { job: await this.spreading.begin(caller.accountId) };
  }
}
