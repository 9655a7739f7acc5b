import { Controller, Delete, HttpCode } from '@nestjs/common';
import { DeletionQuery, IdParams, JobAccepted } from '#contracts';
import { Access, ADMINS, type Caller, CurrentCaller, Describe, FromPath, FromQuery } from '../access/index.js';
import { DeleteAccount } from './delete-account.js';

/** Deleting accounts. */
@Controller('api/admin/users')
export class DeleteAccountController {
  constructor(private readonly deletion: DeleteAccount) {}

  @Delete(':id')
  @HttpCode(202)
  @Access(ADMINS)
  @Describe({
    summary:
      'Deletes an account: its keys at once and for good, then, as a job, its blobs on every cloud, the consents and the credentials.',
    answers: { 202: JobAccepted },
    problems: ['not-found', 'last-admin', 'conflict'],
  })
  async remove(
    @CurrentCaller() caller: Caller,
    @FromPath(IdParams) { id }: IdParams,
    @FromQuery(DeletionQuery) { force }: DeletionQuery,
  ): Promise<JobAccepted> {
    return { job: await this.deletion.run(caller.accountId, id, force) };
  }
}
