import { Controller, Post } from '@nestjs/common';
import { CopyRequest, NodeRecord } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromBody, USERS } from '../access/index.js';
import { CopyEntry } from './copy.js';
import { parsePath } from './names.js';
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
    problems: ['bad-name', 'exists', 'not-a-folder', 'conflict'],
  })
  async run(@CurrentCaller() caller: Caller, @FromBody(CopyRequest) body: CopyRequest): Promise<EntryRecord> {
    return (await this.copy.run(caller.accountId, parsePath(body.from), parsePath(body.to))).entry;
  }
}
