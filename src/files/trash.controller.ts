import { Controller, Delete, Get, HttpCode, Post, Req } from '@nestjs/common';
import type { Request } from 'express';
import { IdParams, NodeRecord, TrashPage, TrashQuery } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromPath, FromQuery, USERS } from '../access/index.js';
import { EraseTrash } from './erase-trash.js';
import { lockTokens } from './preconditions.js';
import type { EntryRecord } from './records.js';
import { Trash } from './trash.js';

/** Looking at what was deleted, and bringing it back. */
@Controller('api/trash')
export class TrashController {
  constructor(
    private readonly trash: Trash,
    private readonly eraseTrash: EraseTrash,
  ) {}

  @Get()
  @Access(USERS)
  @Describe({
    summary: 'A page of what lies in the trash, the newest first. What lay in a deleted folder comes and goes with it.',
    answers: { 200: TrashPage },
    problems: ['bad-name'],
  })
  list(@CurrentCaller() caller: Caller, @FromQuery(TrashQuery) query: TrashQuery): Promise<TrashPage> {
    return this.trash.list(caller.accountId, query);
  }

  @Post(':id/restore')
  @HttpCode(200)
  @Access(USERS)
  @Describe({
    summary: 'Puts a deleted file or folder back where it was. Its id is the one it had before.',
    answers: { 200: NodeRecord },
    headers: { 'Lock-Token': 'of a lock that holds the place where it lay' },
    problems: ['exists', 'not-a-folder', 'locked'],
  })
  restore(
    @CurrentCaller() caller: Caller,
    @FromPath(IdParams) path: IdParams,
    @Req() request: Request,
  ): Promise<EntryRecord> {
    return this.trash.restore(caller.accountId, path.id, { tokens: lockTokens(request.headers) });
  }

  @Delete(':id')
  @HttpCode(204)
  @Access(USERS)
  @Describe({
    summary:
      'Erases one entry of the trash for good. It is gone at once; what is large is erased bit by bit after the answer.',
    answers: { 204: null },
  })
  eraseOne(@CurrentCaller() caller: Caller, @FromPath(IdParams) path: IdParams): Promise<void> {
    return this.eraseTrash.one(caller.accountId, path.id);
  }

  @Delete()
  @HttpCode(204)
  @Access(USERS)
  @Describe({ summary: 'Empties the trash for good, as it is now.', answers: { 204: null } })
  eraseAll(@CurrentCaller() caller: Caller): Promise<void> {
    return this.eraseTrash.all(caller.accountId);
  }
}
