import { Controller, Get, HttpCode, Post } from '@nestjs/common';
import { Hold } from '#contracts';
import { Access, ADMINS, type Caller, CurrentCaller, Describe } from '../access/index.js';
import { DeletionHold } from './deletion-hold.js';

/** Whether blobs are deleted on connections, and an admin's word about it. */
@Controller('api/admin/hold')
export class HoldController {
  constructor(private readonly hold: DeletionHold) {}

  @Get()
  @Access(ADMINS)
  @Describe({
    summary:
      'Whether nothing is deleted on any connection, why, and how far the connections are ahead of this database.',
    answers: { 200: Hold },
  })
  show(): Promise<Hold> {
    return this.hold.show();
  }

  @Post()
  @HttpCode(200)
  @Access(ADMINS)
  @Describe({
    summary:
      'From now on nothing is deleted on any connection. Also takes back that a hold was lifted, until it has ended.',
    answers: { 200: Hold },
  })
  async begin(@CurrentCaller() caller: Caller): Promise<Hold> {
    await this.hold.begin('asked', caller.accountId);
    return this.hold.show();
  }

  @Post('lift')
  @HttpCode(200)
  @Access(ADMINS)
  @Describe({
    summary:
      'This database goes on with what lies on the connections as it is: ten minutes later blobs are deleted again, also those that a newer copy of it would know.',
    answers: { 200: Hold },
    problems: ['conflict'],
  })
  async lift(@CurrentCaller() caller: Caller): Promise<Hold> {
    await this.hold.lift(caller.accountId);
    return this.hold.show();
  }
}
