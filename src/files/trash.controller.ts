import { Controller, HttpCode, Post } from '@nestjs/common';
import { IdParams, NodeRecord } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromPath, USERS } from '../access/index.js';
import type { EntryRecord } from './records.js';
import { Trash } from './trash.js';

/** Bringing back what was deleted. */
@Controller('api/trash')
export class TrashController {
  constructor(private readonly trash: Trash) {}

  @Post(':id/restore')
  @HttpCode(200)
  @Access(USERS)
  @Describe({
    summary: 'Puts a deleted file or folder back where it was. Its id is the one it had before.',
    answers: { 200: NodeRecord },
    problems: ['exists', 'not-a-folder'],
  })
  restore(@CurrentCaller() caller: Caller, @FromPath(IdParams) path: IdParams): Promise<EntryRecord> {
    return this.trash.restore(caller.accountId, path.id);
  }
}
