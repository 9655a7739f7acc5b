import { Controller, Get, Patch, Post } from '@nestjs/common';
import { IdParams, NewUser, User, UserChange, UserPage, UserQuery } from '#contracts';
import {
  Access,
  ADMINS,
  type Caller,
  CurrentCaller,
  Describe,
  FromBody,
  FromPath,
  FromQuery,
} from '../../access/index.js';
import { Accounts } from '../../accounts/index.js';

@Controller('api/admin/users')
export class UsersController {
  constructor(private readonly accounts: Accounts) {}

  @Get()
  @Access(ADMINS)
  @Describe({ summary: 'A page of the accounts, by e-mail address.', answers: { 200: UserPage } })
  list(@FromQuery(UserQuery) query: UserQuery): Promise<UserPage> {
    return this.accounts.list(query);
  }

  @Post()
  @Access(ADMINS)
  @Describe({
    summary: 'Makes an account. Without a password the answer holds a one-time link that sets one.',
    answers: { 201: User },
    problems: ['exists', 'weak-password', 'unavailable'],
  })
  make(@FromBody(NewUser) user: NewUser, @CurrentCaller() caller: Caller): Promise<User> {
    return this.accounts.createByAdmin(user, caller.accountId);
  }

  @Get(':id')
  @Access(ADMINS)
  @Describe({ summary: 'One account.', answers: { 200: User }, problems: ['not-found'] })
  get(@FromPath(IdParams) { id }: IdParams): Promise<User> {
    return this.accounts.get(id);
  }

  @Patch(':id')
  @Access(ADMINS)
  @Describe({
    summary:
      'Changes roles or quota, disables or enables, or, before the first sign-in, offers a new link that sets the password. What it takes away ends at once.',
    answers: { 200: User },
    problems: ['not-found', 'last-admin', 'conflict'],
  })
  change(
    @FromPath(IdParams) { id }: IdParams,
    @FromBody(UserChange) change: UserChange,
    @CurrentCaller() caller: Caller,
  ): Promise<User> {
    return this.accounts.change(id, change, caller.accountId);
  }
}
