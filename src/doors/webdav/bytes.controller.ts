import { Controller, Get, Head, Put, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Access, type Caller, CurrentCaller, DAV_USERS, Describe } from '../../access/index.js';
import { IsFolder } from '../../files/index.js';
import { ContentExchange, uploadHeaders } from '../../transfers/index.js';
import { type Address, DavAddress } from './address.js';
import { expectedLength } from './headers.js';
import { Preconditioned } from './preconditioned.js';

const PATHS = ['dav', 'dav/*path'];
const ANY = { media: '*/*' };

/** The bytes of files, as every door answers and takes them. */
@Controller()
export class BytesController {
  constructor(
    private readonly exchange: ContentExchange,
    private readonly preconditioned: Preconditioned,
  ) {}

  @Head(PATHS)
  @Access(DAV_USERS)
  @Describe({ summary: 'What a GET would answer, without the bytes.', answers: { 200: null, 304: null } })
  head(
    @CurrentCaller() caller: Caller,
    @DavAddress() address: Address,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    return this.exchange.answerHead({ account: caller.accountId, names: address.names }, request, response);
  }

  @Get(PATHS)
  @Access(DAV_USERS)
  @Describe({ summary: 'The bytes of a file, or one range of them.', answers: { 200: ANY, 206: ANY, 304: null } })
  get(
    @CurrentCaller() caller: Caller,
    @DavAddress() address: Address,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    return this.exchange.answer({ account: caller.accountId, names: address.names }, request, response);
  }

  @Put(PATHS)
  @Access(DAV_USERS)
  @Describe({
    summary: 'Stores the body as the newest version of a file, in a folder that is there.',
    answers: { 201: null, 204: null },
    rawBody: ANY,
  })
  async put(
    @CurrentCaller() caller: Caller,
    @DavAddress() address: Address,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    if (address.slash) throw new IsFolder();
    const headers = uploadHeaders(request.headers);
    const wanted = await this.preconditioned.wanted(caller.accountId, address, request);
    const target = {
      account: caller.accountId,
      names: address.names,
      headers: {
        ...headers,
        length: expectedLength(request.headers) ?? headers.length,
        wanted: { ...wanted, parentThere: true },
      },
    };
    const { created } = await this.exchange.store(target, request, response);
    response.status(created ? 201 : 204).end();
  }
}
