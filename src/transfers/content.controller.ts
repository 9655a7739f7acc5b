import { Controller, Get, Head, Put, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { ContentQuery, FileRecord } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromQuery, USERS } from '../access/index.js';
import { TreePath, type Names } from '../files/index.js';
import { ContentExchange } from './content-exchange.js';
import { uploadHeaders } from './request-headers.js';

const ANY = { media: '*/*' };
const PATHS = ['content', 'content/*path'];
const CONDITIONS = {
  'If-Match': 'only when the newest version is this one',
  'If-None-Match': 'only when the newest version is another one; `*`: only when there is none',
};

/** The bytes of a file, by its path. */
@Controller('api')
export class ContentController {
  constructor(private readonly exchange: ContentExchange) {}

  @Put(PATHS)
  @Access(USERS)
  @Describe({
    summary: 'Stores the body as a new version of the file at the path, making missing folders.',
    answers: { 200: FileRecord, 201: FileRecord },
    rawBody: ANY,
    headers: {
      ...CONDITIONS,
      'X-OC-Mtime': 'when the file was last changed, in seconds since 1970',
      'Repr-Digest': 'sha-256 of the body; another body is refused',
      Expect: '100-continue is answered when everything that can be refused beforehand was not',
    },
    problems: [
      'bad-name',
      'is-folder',
      'not-a-folder',
      'precondition-failed',
      'digest-mismatch',
      'quota-exceeded',
      'storage-full',
      'too-few-places',
      'length-mismatch',
    ],
  })
  async store(
    @CurrentCaller() caller: Caller,
    @TreePath() names: Names,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const target = { account: caller.accountId, names, headers: uploadHeaders(request.headers) };
    const { file, created } = await this.exchange.store(target, request, response);
    response.status(created ? 201 : 200).json(file);
  }

  @Head(PATHS)
  @Access(USERS)
  @Describe({
    summary: 'What a GET would answer, without the bytes.',
    answers: { 200: null, 304: null },
    headers: CONDITIONS,
    problems: ['bad-name', 'is-folder'],
  })
  head(
    @CurrentCaller() caller: Caller,
    @TreePath() names: Names,
    @FromQuery(ContentQuery) query: ContentQuery,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    return this.exchange.answerHead({ account: caller.accountId, names, version: query.version }, request, response);
  }

  @Get(PATHS)
  @Access(USERS)
  @Describe({
    summary: 'The bytes of the newest version, or of the one that is named; or one range of them.',
    answers: { 200: ANY, 206: ANY, 304: null },
    headers: { ...CONDITIONS, Range: 'one range of bytes', 'If-Range': 'the range only when the version is this one' },
    problems: ['bad-name', 'is-folder', 'range', 'precondition-failed', 'content-damaged'],
  })
  read(
    @CurrentCaller() caller: Caller,
    @TreePath() names: Names,
    @FromQuery(ContentQuery) query: ContentQuery,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    return this.exchange.answer({ account: caller.accountId, names, version: query.version }, request, response);
  }
}
