import { Controller, Get, Put } from '@nestjs/common';
import { ImmutableFolder, ImmutableFolderList, ImmutableRequest } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromBody, USERS } from '../access/index.js';
import { ImmutableFolders } from './immutable-folders.js';
import type { Names } from './names.js';
import { TreePath } from './tree-path.js';

/** Folders whose files stay as they are. */
@Controller('api')
export class ImmutableController {
  constructor(private readonly folders: ImmutableFolders) {}

  @Get('immutable')
  @Access(USERS)
  @Describe({ summary: 'The immutable folders, and until when they are.', answers: { 200: ImmutableFolderList } })
  list(@CurrentCaller() caller: Caller): Promise<ImmutableFolderList> {
    return this.folders.list(caller.accountId);
  }

  @Put('immutable/*path')
  @Access(USERS)
  @Describe({
    summary:
      'Makes a folder immutable until a date, or moves its date further away. Nothing in it is moved, deleted or erased before, by anybody; new versions and files may be added, and stay too. This cannot be undone.',
    answers: { 200: ImmutableFolder },
    problems: ['bad-name', 'not-a-folder', 'conflict'],
  })
  make(
    @CurrentCaller() caller: Caller,
    @TreePath() names: Names,
    @FromBody(ImmutableRequest) body: ImmutableRequest,
  ): Promise<ImmutableFolder> {
    return this.folders.make(caller.accountId, names, body.until);
  }
}
