import { Controller, Get } from '@nestjs/common';
import { ChangePage, ChangesQuery } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromQuery, USERS } from '../access/index.js';
import { Changes } from './changes.js';

/** For programs that keep something in step with the tree, and for whoever wants to see what happened lately. */
@Controller('api/changes')
export class ChangesController {
  constructor(private readonly changes: Changes) {}

  @Get()
  @Access(USERS)
  @Describe({
    summary:
      'What changed in the tree after a cursor, the oldest first, each with the entry as it is now. To follow: ask with `from=now`, list the tree, then ask with the cursor of the answer before, again and again.',
    answers: { 200: ChangePage },
    problems: ['bad-request', 'cursor-expired'],
  })
  list(@CurrentCaller() caller: Caller, @FromQuery(ChangesQuery) query: ChangesQuery): Promise<ChangePage> {
    return this.changes.list(caller.accountId, query);
  }
}
