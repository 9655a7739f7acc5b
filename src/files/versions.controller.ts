import { Controller, Delete, Get, HttpCode, Post, Req } from '@nestjs/common';
import type { Request } from 'express';
import { FileRecord, OneVersion, RestoreVersion, VersionPage, VersionsQuery } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromBody, FromQuery, USERS } from '../access/index.js';
import type { Names } from './names.js';
import { lockTokens, preconditionsOf } from './preconditions.js';
import { TreePath } from './tree-path.js';
import { Versions } from './versions.js';

const PATH = 'versions/*path';

/** What a file was before. The bytes of a version are read by `GET /api/content/PATH?version=`. */
@Controller('api')
export class VersionsController {
  constructor(private readonly versions: Versions) {}

  @Get(PATH)
  @Access(USERS)
  @Describe({
    summary: 'A page of a file’s versions, the newest first. `GET /api/content/PATH?version=` reads one.',
    answers: { 200: VersionPage },
    problems: ['bad-name', 'is-folder'],
  })
  list(@CurrentCaller() caller: Caller, @TreePath() names: Names, @FromQuery(VersionsQuery) query: VersionsQuery) {
    return this.versions.list(caller.accountId, names, query);
  }

  @Post(PATH)
  @HttpCode(200)
  @Access(USERS)
  @Describe({
    summary: 'Makes an earlier version the newest one, without copying data; the others stay.',
    answers: { 200: FileRecord },
    headers: { 'If-Match': 'only when the newest version is this one' },
    problems: ['bad-name', 'is-folder', 'precondition-failed', 'locked'],
  })
  restore(
    @CurrentCaller() caller: Caller,
    @TreePath() names: Names,
    @FromBody(RestoreVersion) body: RestoreVersion,
    @Req() request: Request,
  ): Promise<FileRecord> {
    return this.versions.restore(caller.accountId, names, body.restore, preconditionsOf(request.headers));
  }

  @Delete(PATH)
  @HttpCode(204)
  @Access(USERS)
  @Describe({
    summary: 'Erases an earlier version for good. The newest one is not erased this way.',
    answers: { 204: null },
    problems: ['bad-name', 'is-folder', 'conflict', 'immutable', 'locked'],
  })
  remove(
    @CurrentCaller() caller: Caller,
    @TreePath() names: Names,
    @FromQuery(OneVersion) query: OneVersion,
    @Req() request: Request,
  ): Promise<void> {
    return this.versions.remove(caller.accountId, names, query.version, lockTokens(request.headers));
  }
}
