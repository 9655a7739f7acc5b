import { Controller, Post, Put, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { SignedUpload, SignedUploadParams, UploadAddress, UploadAddressRequest } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromBody, FromPath, USERS } from '../../access/index.js';
import { parsePath } from '../../files/index.js';
import { ContentExchange, uploadHeaders } from '../../transfers/index.js';
import { UploadAddresses } from './upload-addresses.js';

/** Letting somebody else put one file where it belongs. */
@Controller('api')
export class UploadAddressController {
  constructor(
    private readonly addresses: UploadAddresses,
    private readonly exchange: ContentExchange,
  ) {}

  @Post('upload-addresses')
  @Access(USERS)
  @Describe({
    summary: 'An address that takes an upload to one path for a while, with no other credential.',
    answers: { 201: UploadAddress },
    problems: ['bad-name'],
  })
  make(@CurrentCaller() caller: Caller, @FromBody(UploadAddressRequest) body: UploadAddressRequest) {
    return this.addresses.make(caller.accountId, body);
  }

  @Put('signed-uploads/:address')
  @Access('public')
  @Describe({
    summary: 'Stores the body where the address says. One that was not made to replace makes a new file only.',
    answers: { 201: SignedUpload, 200: SignedUpload },
    rawBody: { media: '*/*' },
    problems: [
      'address-refused',
      'precondition-failed',
      'too-large',
      'digest-mismatch',
      'quota-exceeded',
      'storage-full',
      'length-mismatch',
    ],
  })
  async store(
    @FromPath(SignedUploadParams) { address }: SignedUploadParams,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const { account, path, mostBytes, replace } = await this.addresses.read(address);
    const headers = uploadHeaders(request.headers);
    const wanted = replace ? headers.wanted : { ...headers.wanted, noneMatch: '*' as const };
    const target = { account, names: parsePath(path), headers: { ...headers, wanted }, most: mostBytes };
    const { file, created } = await this.exchange.store(target, request, response);
    response.status(created ? 201 : 200).json({ size: file.size, sha256: file.sha256 } satisfies SignedUpload);
  }
}
