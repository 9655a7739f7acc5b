import { Controller, Delete, Get, HttpCode, Patch, Post, Req } from '@nestjs/common';
import type { Request } from 'express';
import { FolderRecord, MakeFolder, MoveRequest, NodeRecord, TreeAnswer, TreeQuery } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromBody, FromQuery, USERS } from '../access/index.js';
import { MoveEntry } from './move.js';
import { parsePath, type Names } from './names.js';
import { parseTags } from './preconditions.js';
import type { EntryRecord } from './records.js';
import { Trash } from './trash.js';
import { Tree } from './tree.js';
import { TreePath } from './tree-path.js';

const PATHS = ['tree', 'tree/*path'];

/** Files and folders by their path: looking, making, moving, deleting. */
@Controller('api')
export class TreeController {
  constructor(
    private readonly tree: Tree,
    private readonly move: MoveEntry,
    private readonly trash: Trash,
  ) {}

  @Get(PATHS)
  @Access(USERS)
  @Describe({
    summary: 'A file’s record, or a folder’s with a page of its children in the order of their names’ bytes.',
    answers: { 200: TreeAnswer },
    problems: ['bad-name'],
  })
  look(@CurrentCaller() caller: Caller, @TreePath() names: Names, @FromQuery(TreeQuery) query: TreeQuery) {
    return this.tree.entry(caller.accountId, names, query);
  }

  @Post(PATHS)
  @Access(USERS)
  @Describe({
    summary: 'Makes a folder, with the folders above it that are missing.',
    answers: { 201: FolderRecord },
    problems: ['bad-name', 'exists', 'not-a-folder'],
  })
  make(@CurrentCaller() caller: Caller, @TreePath() names: Names, @FromBody(MakeFolder) _body: MakeFolder) {
    return this.tree.makeFolder(caller.accountId, names);
  }

  @Patch(PATHS)
  @Access(USERS)
  @Describe({
    summary: 'Renames or moves a file or a folder with all that is in it, in one transaction.',
    answers: { 200: NodeRecord },
    problems: ['bad-name', 'exists', 'not-a-folder', 'conflict'],
  })
  async relocate(
    @CurrentCaller() caller: Caller,
    @TreePath() names: Names,
    @FromBody(MoveRequest) body: MoveRequest,
  ): Promise<EntryRecord> {
    return (await this.move.run(caller.accountId, names, parsePath(body.path))).entry;
  }

  @Delete(PATHS)
  @HttpCode(204)
  @Access(USERS)
  @Describe({
    summary: 'Puts a file, or a folder with all that is in it, into the trash.',
    answers: { 204: null },
    headers: { 'If-Match': 'only when the newest version is this one' },
    problems: ['bad-name', 'conflict', 'precondition-failed'],
  })
  remove(@CurrentCaller() caller: Caller, @TreePath() names: Names, @Req() request: Request): Promise<void> {
    const match = parseTags(request.headers['if-match']);
    return this.trash.put(caller.accountId, names, match === undefined ? {} : { match });
  }
}
