import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { FolderList, FolderParams, FolderQuery, FolderRequest, UnsavedFolderQuery } from '#contracts';
import type { FolderPage } from '#storage';
import { Access, type Caller, CurrentCaller, Describe, FromBody, FromPath, FromQuery, USERS } from '../access/index.js';
import { ListFolders } from './list-folders.js';

/** Looking around in a cloud, to choose where our folder goes. */
@Controller('api/cloud/folders')
export class FoldersController {
  constructor(private readonly folders: ListFolders) {}

  @Get(':provider/:folderId')
  @Access(USERS)
  @Describe({
    summary: 'The folders in a folder of a connected account; `root` is the top. Remembered for a minute.',
    answers: { 200: FolderList },
    problems: ['not-found', 'unavailable'],
  })
  async list(
    @CurrentCaller() { accountId }: Caller,
    @FromPath(FolderParams) { provider, folderId }: FolderParams,
    @FromQuery(FolderQuery) { connection, cursor }: FolderQuery,
  ): Promise<FolderList> {
    return shown(await this.folders.run({ account: accountId, provider, folder: folderId, cursor, connection }));
  }

  @Post(':provider/:folderId')
  @HttpCode(200)
  @Access(USERS)
  @Describe({
    summary: 'The same before a place is connected: takes the fields of the provider’s form, and keeps nothing.',
    answers: { 200: FolderList },
    problems: ['not-found', 'forbidden', 'too-many-requests', 'unavailable'],
  })
  async before(
    @CurrentCaller() caller: Caller,
    @FromPath(FolderParams) { provider, folderId }: FolderParams,
    @FromQuery(UnsavedFolderQuery) { cursor }: UnsavedFolderQuery,
    @FromBody(FolderRequest) { label = provider, ...settings }: FolderRequest,
  ): Promise<FolderList> {
    const by = { account: caller.accountId, admin: caller.roles.includes('admin') };
    return shown(await this.folders.before(by, { provider, label, settings, house: false }, folderId, cursor));
  }
}

function shown({ folders, nextCursor }: FolderPage): FolderList {
  return { items: [...folders], ...(nextCursor === undefined ? {} : { nextCursor }) };
}
