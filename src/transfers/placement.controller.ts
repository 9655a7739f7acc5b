import { Controller, Get } from '@nestjs/common';
import { Placement } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, USERS } from '../access/index.js';
import { TreePath, type Names } from '../files/index.js';
import { ShowPlacement } from './show-placement.js';

/** Where a file lies. */
@Controller('api')
export class PlacementController {
  constructor(private readonly show: ShowPlacement) {}

  @Get(['placement', 'placement/*path'])
  @Access(USERS)
  @Describe({
    summary: 'Where the chunks of a file’s newest version lie: each of their shards, in what state, and why there.',
    answers: { 200: Placement },
    problems: ['bad-name', 'is-folder'],
  })
  placement(@CurrentCaller() caller: Caller, @TreePath() names: Names): Promise<Placement> {
    return this.show.run(caller.accountId, names);
  }
}
