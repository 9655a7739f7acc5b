import { Controller, Delete, Get, HttpCode, Post } from '@nestjs/common';
import { IdParams, LinkList, LinkRequest, NewLink } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromBody, FromPath, USERS } from '../../access/index.js';
import { Links } from './links.js';

/** The links that an account gives out. */
@Controller('api/links')
export class LinksController {
  constructor(private readonly links: Links) {}

  @Post()
  @Access(USERS)
  @Describe({
    summary: 'Makes a link that gives a file or a folder to whoever has it. Its token is shown once.',
    answers: { 201: NewLink },
    problems: ['bad-name', 'not-found', 'conflict'],
  })
  make(@CurrentCaller() caller: Caller, @FromBody(LinkRequest) body: LinkRequest): Promise<NewLink> {
    return this.links.make(caller.accountId, body);
  }

  @Get()
  @Access(USERS)
  @Describe({ summary: 'The links that were given out and not revoked, the newest first.', answers: { 200: LinkList } })
  list(@CurrentCaller() caller: Caller): Promise<LinkList> {
    return this.links.list(caller.accountId);
  }

  @Delete(':id')
  @HttpCode(204)
  @Access(USERS)
  @Describe({ summary: 'Revokes a link. It gives nothing from now on.', answers: { 204: null } })
  revoke(@CurrentCaller() caller: Caller, @FromPath(IdParams) path: IdParams): Promise<void> {
    return this.links.revoke(caller.accountId, path.id);
  }
}
