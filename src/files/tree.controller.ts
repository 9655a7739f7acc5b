import { Controller, Delete, Get, HttpCode, Patch, Post, Req } from '@nestjs/common';
import type { Request } from 'express';
import { FolderRecord, MakeFolder, MoveRequest, NodeRecord, TreeAnswer, TreeQuery } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromBody, FromQuery, USERS } from '../access/index.js';
import { MoveEntry } from './move.js';
import { parsePath, type Names } from './names.js';
import { lockTokens, preconditionsOf } from './preconditions.js';
import type { EntryRecord } from './records.js';
import { Trash } from './trash.js';
import { Tree } from './tree.js';
import { TreePath } from './tree-path.js';

const LOCK = { 'Lock-Token': 'of a lock that holds what would change' };
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
    headers: LOCK,
    problems: ['bad-name', 'exists', 'not-a-folder', 'locked'],
  })
  make(
    @CurrentCaller() caller: Caller,
    @TreePath() names: Names,
    @FromBody(MakeFolder) _body: MakeFolder,
    @Req() request: Request,
  ) {
    return this.tree.makeFolder(caller.accountId, names, { tokens: lockTokens(request.headers) });
  }

  @Patch(PATHS)
  @Access(USERS)
  @Describe({
    summary: 'Renames or moves a file or a folder with all that is in it, in one transaction.',
    answers: { 200: NodeRecord },
    headers: { 'If-Match': 'only when the newest version is this one', ...LOCK },
    problems: ['bad-name', 'exists', 'not-a-folder', 'conflict', 'immutable', 'precondition-failed', 'locked'],
  })
  async relocate(
    @CurrentCaller() caller: Caller,
    @TreePath() names: Names,
    @FromBody(MoveRequest) body: MoveRequest,
    @Req() request: Request,
  ): Promise<EntryRecord> {
    const wanted = preconditionsOf(request.headers);
    return (await this.move.run(caller.accountId, names, parsePath(body.path), { wanted })).entry;
  }

  @Delete(PATHS)
  @HttpCode(204)
  @Access(USERS)
  @Describe({
    summary: 'Puts a file, or a folder with all that is in it, into the trash.',
    answers: { 204: null },
    headers: { 'If-Match': 'only when the newest version is this one', ...LOCK },
    problems: ['bad-name', 'conflict', 'immutable', 'precondition-failed', 'locked'],
  })
  remove(@CurrentCaller() caller: Caller, @TreePath() names: Names, @Req() request: Request): Promise<void> {
    return this.trash.put(caller.accountId, names, preconditionsOf(request.headers));
  }
}
