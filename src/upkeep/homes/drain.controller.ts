import { Controller, Delete, HttpCode, Post } from '@nestjs/common';
import { IdParams, JobAccepted } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromPath, USERS } from '../../access/index.js';
import { Drain, type DrainOwner } from './drain.js';

/** Moving everything off a connection. */
@Controller('api/cloud/connections')
export class DrainController {
  constructor(private readonly drain: Drain) {}

  @Post(':id/drain')
  @HttpCode(202)
  @Access(USERS)
  @Describe({
    summary:
      'Moves everything that lies on a connection to others, while all of it stays readable. Nothing new goes there. When the job is done, nothing is lost by removing the connection. Asked again, it answers the same job.',
    answers: { 202: JobAccepted },
    problems: ['not-found', 'forbidden'],
  })
  async begin(@CurrentCaller() caller: Caller, @FromPath(IdParams) { id }: IdParams): Promise<JobAccepted> {
    return { job: await this.drain.begin(owner(caller), id) };
  }

  @Delete(':id/drain')
  @HttpCode(204)
  @Access(USERS)
  @Describe({
    summary: 'Leaves off moving, and lets new files go there again. What was moved stays where it is.',
    answers: { 204: null },
    problems: ['not-found', 'forbidden'],
  })
  leaveOff(@CurrentCaller() caller: Caller, @FromPath(IdParams) { id }: IdParams): Promise<void> {
    return this.drain.leaveOff(owner(caller), id);
  }
}

function owner({ accountId, roles }: Caller): DrainOwner {
  return { account: accountId, admin: roles.includes('admin') };
}
