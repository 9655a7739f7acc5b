import { Controller, Get, Head, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import {
  DownloadAddress,
  SharedDownload,
  SharedPage,
  SharedQuery,
  TicketParams,
  Visit,
  VisitRequest,
} from '#contracts';
import { Access, ClientAddress, Describe, FromBody, FromPath } from '../../access/index.js';
import { IsFolder, WalkTree } from '../../files/index.js';
import { ContentExchange, ReadFile } from '../../transfers/index.js';
import { SendArchive } from '../archive/send-archive.js';
import { Previews } from '../previews/previews.js';
import { type Taken, Visits } from './visits.js';

/** Larger ones would come near to a download that nobody counts. */
const SMALL = 256;
const ANY = { media: '*/*' };

/** What somebody may do who has a link and nothing else. */
@Controller('api/shared')
export class SharedController {
  constructor(
    private readonly visits: Visits,
    private readonly walk: WalkTree,
    private readonly archive: SendArchive,
    private readonly readFile: ReadFile,
    private readonly exchange: ContentExchange,
    private readonly previews: Previews,
  ) {}

  @Post('visits')
  @Access('public')
  @Describe({
    summary: 'Opens a link by its token, with its password where it has one.',
    answers: { 201: Visit },
    problems: ['not-found', 'link-password', 'too-many-requests'],
  })
  open(@FromBody(VisitRequest) body: VisitRequest, @ClientAddress() address: string | undefined): Promise<Visit> {
    return this.visits.open(body, address);
  }

  @Post('entries')
  @HttpCode(200)
  @Access('public')
  @Describe({
    summary: 'What a link gives: the file, or a page of what is in the folder.',
    answers: { 200: SharedPage },
    problems: ['not-found', 'bad-name'],
  })
  list(@FromBody(SharedQuery) body: SharedQuery): Promise<SharedPage> {
    return this.visits.list(body);
  }

  @Post('previews')
  @HttpCode(200)
  @Access('public')
  @Describe({
    summary:
      'A small WebP of a picture or of a PDF’s first page, 256 pixels at its longer side. It counts as no download.',
    answers: { 200: { media: 'image/webp' } },
    problems: ['not-found', 'bad-name', 'is-folder', 'no-preview', 'not-configured', 'content-damaged'],
  })
  async preview(
    @FromBody(SharedDownload) body: SharedDownload,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const { account, file } = await this.visits.look(body.visit, body.path);
    if (!file) throw new IsFolder();
    await this.previews.answer(account, await this.readFile.found(account, file), SMALL, request, response);
  }

  @Post('downloads')
  @Access('public')
  @Describe({
    summary: 'An address that gives a file’s bytes, or a folder as a zip: once, and soon.',
    answers: { 201: DownloadAddress },
    problems: ['not-found', 'bad-name'],
  })
  ticket(@FromBody(SharedDownload) body: SharedDownload): Promise<DownloadAddress> {
    return this.visits.ticket(body.visit, body.path);
  }

  @Head('content/:ticket')
  @Access('public')
  @Describe({
    summary: 'What a GET would answer: the address stays good.',
    answers: { 200: null },
    problems: ['not-found'],
  })
  async head(
    @FromPath(TicketParams) { ticket }: TicketParams,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const taken = await this.visits.peek(ticket);
    if (!taken.file) return this.#pack(taken, response);
    this.exchange.answerFileHead(await this.readFile.found(taken.account, taken.file), request, response);
  }

  @Get('content/:ticket')
  @Access('public')
  @Describe({
    summary: 'The bytes, to be saved: nothing of them is ever shown as a page.',
    answers: { 200: ANY },
    problems: ['not-found', 'content-damaged'],
  })
  async content(
    @FromPath(TicketParams) { ticket }: TicketParams,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const taken = await this.visits.take(ticket);
    if (!taken.file) return this.#pack(taken, response);
    return this.exchange.answerFile(await this.readFile.found(taken.account, taken.file), request, response);
  }

  #pack({ account, node, file }: Taken, response: Response): Promise<void> {
    const entries = this.walk.from(account, { node, file });
    return this.archive.run(account, [{ entries, as: node.name || null }], node.name || 'Files', response);
  }
}
