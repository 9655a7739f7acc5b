import { Controller, Get, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { PreviewQuery } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromQuery, USERS } from '../../access/index.js';
import { type Names, TreePath } from '../../files/index.js';
import { ReadFile } from '../../transfers/index.js';
import { Previews } from './previews.js';

const WEBP = { media: 'image/webp' };

/** What a picture or a document looks like, without its bytes. */
@Controller('api')
export class PreviewController {
  constructor(
    private readonly previews: Previews,
    private readonly readFile: ReadFile,
  ) {}

  @Get(['preview', 'preview/*path'])
  @Access(USERS)
  @Describe({
    summary:
      'A small WebP of a JPEG, PNG, GIF, WebP, TIFF or AVIF picture, upright, without what its camera wrote beside the pixels; of a PDF, its first page.',
    answers: { 200: WEBP, 304: null },
    headers: { 'If-None-Match': 'only when the preview is another one' },
    problems: ['bad-name', 'is-folder', 'no-preview', 'not-configured', 'content-damaged'],
  })
  async show(
    @CurrentCaller() caller: Caller,
    @TreePath() names: Names,
    @FromQuery(PreviewQuery) { size, version }: PreviewQuery,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const file = await this.readFile.run(caller.accountId, names, version);
    await this.previews.answer(caller.accountId, file, size, request, response);
  }
}
