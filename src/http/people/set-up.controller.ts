import { Controller, HttpStatus, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Account, SetUpRequest } from '#contracts';
import { Access, Describe, FromBody } from '../../access/index.js';
import { SetUp } from '../../accounts/index.js';

@Controller('api/auth/setup')
export class SetUpController {
  constructor(private readonly setUp: SetUp) {}

  @Post()
  @Access('public')
  @Describe({
    summary: 'Uses a one-time link: makes the first account (201), or sets an account’s password (200).',
    answers: { 200: Account, 201: Account },
    problems: ['link-used', 'weak-password', 'exists', 'unavailable'],
  })
  async use(
    @FromBody(SetUpRequest) request: SetUpRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Account> {
    const { made, account } = await this.setUp.use(request);
    response.status(made ? HttpStatus.CREATED : HttpStatus.OK);
    return account;
  }
}
