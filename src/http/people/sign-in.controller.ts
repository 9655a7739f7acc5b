import { Controller, Get, HttpCode, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Account, PasswordChange, SignInAnswer, SignInRequest } from '#contracts';
import {
  Access,
  type Caller,
  ClientAddress,
  cookieName,
  cookieOptions,
  CurrentCaller,
  Describe,
  FromBody,
} from '../../access/index.js';
import { SignIn } from '../../accounts/index.js';
import { Config } from '../../config/index.js';

@Controller('api/auth')
export class SignInController {
  constructor(
    private readonly door: SignIn,
    private readonly config: Config,
  ) {}

  @Post('login')
  @HttpCode(200)
  @Access('public')
  @Describe({
    summary: 'Signs in. Answers a token for programs, and sets it as a cookie for browsers.',
    answers: { 200: SignInAnswer },
    problems: ['sign-in-refused', 'too-many-requests', 'unavailable'],
  })
  async login(
    @FromBody(SignInRequest) request: SignInRequest,
    @ClientAddress() address: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SignInAnswer> {
    const answer = await this.door.signIn(request, address);
    const { publicUrl } = this.config;
    const expires = new Date(answer.expiresAt);
    response.cookie(cookieName(publicUrl), answer.token, { ...cookieOptions(publicUrl), expires });
    return answer;
  }

  @Post('logout')
  @HttpCode(204)
  @Access('signed-in')
  @Describe({ summary: 'Ends this session, at once and everywhere.', answers: { 204: null } })
  async logout(@CurrentCaller() caller: Caller, @Res({ passthrough: true }) response: Response): Promise<void> {
    await this.door.signOut(caller);
    response.clearCookie(cookieName(this.config.publicUrl), cookieOptions(this.config.publicUrl));
  }

  @Get('me')
  @Access('signed-in')
  @Describe({ summary: 'The account that is signed in.', answers: { 200: Account } })
  me(@CurrentCaller() caller: Caller): Promise<Account> {
    return this.door.me(caller);
  }

  @Post('password')
  @HttpCode(200)
  @Access('signed-in')
  @Describe({
    summary: 'Changes the password. Ends every other session; app passwords go on.',
    answers: { 200: Account },
    problems: ['wrong-password', 'weak-password', 'too-many-requests', 'unavailable'],
  })
  async password(
    @CurrentCaller() caller: Caller,
    @FromBody(PasswordChange) change: PasswordChange,
    @ClientAddress() address: string | undefined,
  ): Promise<Account> {
    await this.door.changePassword(caller, change, address);
    return this.door.me(caller);
  }
}
