import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { IdParams, JobAccepted, Scrub, ScrubQuery } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromPath, FromQuery, USERS } from '../../access/index.js';
import { type Asking, AskForScrub } from './ask-for-scrub.js';
import { ShowScrub } from './show-scrub.js';

/** Having a connection looked through, and seeing what came of it. */
@Controller('api/cloud/connections')
export class ScrubController {
  constructor(
    private readonly ask: AskForScrub,
    private readonly show: ShowScrub,
  ) {}

  @Post(':id/scrub')
  @HttpCode(202)
  @Access(USERS)
  @Describe({
    summary:
      'Looks through a connection for what is missing or damaged there. The house’s are for admins. What is under way begins anew.',
    answers: { 202: JobAccepted },
    problems: ['not-found', 'forbidden'],
  })
  async now(
    @CurrentCaller() caller: Caller,
    @FromPath(IdParams) { id }: IdParams,
    @FromQuery(ScrubQuery) { reads }: ScrubQuery,
  ): Promise<JobAccepted> {
    return { job: await this.ask.now(asking(caller), id, reads) };
  }

  @Get(':id/scrub')
  @Access(USERS)
  @Describe({
    summary: 'How far the last or present look through a connection has come, and what it has found.',
    answers: { 200: Scrub },
    problems: ['not-found', 'forbidden'],
  })
  last(@CurrentCaller() caller: Caller, @FromPath(IdParams) { id }: IdParams): Promise<Scrub> {
    return this.show.run(asking(caller), id);
  }

  @Post(':id/lost')
  @HttpCode(202)
  @Access(USERS)
  @Describe({
    summary:
      'Says that all that lay on a connection is lost, where our folder is not found there any more: its pieces are made anew, and it is used again from an empty folder. Where the folder is there after all, it is looked through.',
    answers: { 202: JobAccepted },
    problems: ['not-found', 'forbidden'],
  })
  async lost(@CurrentCaller() caller: Caller, @FromPath(IdParams) { id }: IdParams): Promise<JobAccepted> {
    return { job: await this.ask.lost(asking(caller), id) };
  }
}

function asking({ accountId, roles }: Caller): Asking {
  return { account: accountId, admin: roles.includes('admin') };
}
