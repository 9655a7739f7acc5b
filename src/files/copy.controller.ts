import { Controller, Post, Req } from '@nestjs/common';
import type { Request } from 'express';
import { CopyRequest, NodeRecord } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromBody, USERS } from '../access/index.js';
import { CopyEntry } from './copy.js';
import { parsePath } from './names.js';
import { preconditionsOf } from './preconditions.js';
import type { EntryRecord } from './records.js';

/** Copying within the tree. */
@Controller('api/copy')
export class CopyController {
  constructor(private readonly copy: CopyEntry) {}

  @Post()
  @Access(USERS)
  @Describe({
    summary: 'Copies the newest version of a file, or a folder with all that is in it, without copying data.',
    answers: { 201: NodeRecord },
    headers: { 'Lock-Token': 'of a lock that holds the place where the copy shall lie' },
    problems: ['bad-name', 'exists', 'not-a-folder', 'conflict', 'locked'],
  })
  async run(
    @CurrentCaller() caller: Caller,
    @FromBody(CopyRequest) body: CopyRequest,
    @Req() request: Request,
  ): Promise<EntryRecord> {
    const wanted = preconditionsOf(request.headers);
    return (await this.copy.run(caller.accountId, parsePath(body.from), parsePath(body.to), { wanted })).entry;
  }
}
