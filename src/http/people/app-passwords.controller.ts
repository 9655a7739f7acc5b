import { Controller, Delete, Get, HttpCode, Post } from '@nestjs/common';
import { AppPasswordList, AppPasswordRequest, IdParams, NewAppPassword } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromBody, FromPath } from '../../access/index.js';
import { AppPasswords } from '../../accounts/index.js';

@Controller('api/auth/app-passwords')
export class AppPasswordsController {
  constructor(private readonly appPasswords: AppPasswords) {}

  @Post()
  @Access('signed-in')
  @Describe({
    summary: 'Makes a password for one program, for HTTP Basic with the e-mail address. Shown in this answer only.',
    answers: { 201: NewAppPassword },
    problems: ['conflict'],
  })
  make(
    @CurrentCaller() caller: Caller,
    @FromBody(AppPasswordRequest) request: AppPasswordRequest,
  ): Promise<NewAppPassword> {
    return this.appPasswords.make(caller, request.label);
  }

  @Get()
  @Access('signed-in')
  @Describe({ summary: 'The app passwords there are, and when each was last used.', answers: { 200: AppPasswordList } })
  list(@CurrentCaller() caller: Caller): Promise<AppPasswordList> {
    return this.appPasswords.list(caller.accountId);
  }

  @Delete(':id')
  @HttpCode(204)
  @Access('signed-in')
  @Describe({ summary: 'Revokes an app password, at once.', answers: { 204: null }, problems: ['not-found'] })
  async revoke(@CurrentCaller() caller: Caller, @FromPath(IdParams) { id }: IdParams): Promise<void> {
    await this.appPasswords.revoke(caller, id);
  }
}
