import { Controller, Delete, Get, HttpCode } from '@nestjs/common';
import { IdParams, Job, JobAccepted, JobPage, JobQuery } from '#contracts';
import {
  Access,
  type AccessRule,
  type Caller,
  CurrentCaller,
  Describe,
  FromPath,
  FromQuery,
} from '../../access/index.js';
import { Jobs } from '../../jobs/index.js';

const OWNERS: AccessRule = { roles: ['user', 'admin'], basic: true };

/** Work that goes on by itself: an account sees its own, admins the house's too. */
@Controller('api/jobs')
export class JobsController {
  constructor(private readonly jobs: Jobs) {}

  @Get()
  @Access(OWNERS)
  @Describe({
    summary: 'A page of the account’s jobs, and for admins the house’s, the newest first.',
    answers: { 200: JobPage },
  })
  list(@CurrentCaller() caller: Caller, @FromQuery(JobQuery) query: JobQuery): Promise<JobPage> {
    return this.jobs.list(onlooker(caller), query);
  }

  @Get(':id')
  @Access(OWNERS)
  @Describe({ summary: 'How far a job is.', answers: { 200: Job }, problems: ['not-found'] })
  one(@CurrentCaller() caller: Caller, @FromPath(IdParams) { id }: IdParams): Promise<Job> {
    return this.jobs.get(onlooker(caller), id);
  }

  @Delete(':id')
  @HttpCode(202)
  @Access(OWNERS)
  @Describe({
    summary: 'Calls a job off, where its kind allows that. What it has done stays done.',
    answers: { 202: JobAccepted },
    problems: ['not-found', 'conflict'],
  })
  async cancel(@CurrentCaller() caller: Caller, @FromPath(IdParams) { id }: IdParams): Promise<JobAccepted> {
    return { job: await this.jobs.cancel(onlooker(caller), id) };
  }
}

function onlooker({ accountId, roles }: Caller): { account: string; admin: boolean } {
  return { account: accountId, admin: roles.includes('admin') };
}
