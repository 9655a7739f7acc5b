import { Controller, Get, Head, Inject, Put, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { ContentQuery, FileRecord } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromQuery, USERS } from '../access/index.js';
import { Config } from '../config/index.js';
import { etagOf, TreePath, type Names } from '../files/index.js';
import { ByteBudgets } from './byte-budgets.js';
import { isUnchanged, rangeHolds } from './conditional-read.js';
import { deliver } from './deliver.js';
import { BodyCutShort, RangeUnsatisfiable } from './errors.js';
import { parseRange, type ByteSpan } from './range.js';
import { readBody } from './read-body.js';
import { ReadFile, type OpenFile } from './read-file.js';
import { uploadHeaders } from './request-headers.js';
import { StoreFile } from './store-file.js';

const ANY = { media: '*/*' };
const PATHS = ['content', 'content/*path'];
const CONDITIONS = {
  'If-Match': 'only when the newest version is this one',
  'If-None-Match': 'only when the newest version is another one; `*`: only when there is none',
};

/** The bytes of a file, by its path. */
@Controller('api')
export class ContentController {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly storeFile: StoreFile,
    private readonly readFile: ReadFile,
    private readonly budgets: ByteBudgets,
  ) {}

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
      'length-mismatch',
    ],
  })
  async store(
    @CurrentCaller() caller: Caller,
    @TreePath() names: Names,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const headers = uploadHeaders(request.headers);
    const gone = whenGone(request);
    const open = (signal: AbortSignal): AsyncIterable<Buffer> => {
      if (request.expectsContinue === true) response.writeContinue();
      return readBody(request, { signal, stallMs: this.config.stallSeconds * 1000 });
    };
    const stored = await this.storeFile.run({ account: caller.accountId, names, ...headers }, { open, gone });
    const { file, created } = stored;
    if (headers.modifiedAt) response.setHeader('X-OC-Mtime', 'accepted');
    response.setHeader('ETag', file.etag);
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
  async head(
    @CurrentCaller() caller: Caller,
    @TreePath() names: Names,
    @FromQuery(ContentQuery) query: ContentQuery,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const file = await this.readFile.run(caller.accountId, names, query.version);
    const span = this.answerHead(request, response, file);
    response.setHeader('Content-Length', span === null ? 0 : span.end - span.start);
    if (span === null) response.removeHeader('Content-Length');
    response.end();
  }

  @Get(PATHS)
  @Access(USERS)
  @Describe({
    summary: 'The bytes of the newest version, or of the one that is named; or one range of them.',
    answers: { 200: ANY, 206: ANY, 304: null },
    headers: { ...CONDITIONS, Range: 'one range of bytes', 'If-Range': 'the range only when the version is this one' },
    problems: ['bad-name', 'is-folder', 'range', 'precondition-failed', 'content-damaged'],
  })
  async read(
    @CurrentCaller() caller: Caller,
    @TreePath() names: Names,
    @FromQuery(ContentQuery) query: ContentQuery,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const file = await this.readFile.run(caller.accountId, names, query.version);
    const span = this.answerHead(request, response, file);
    if (span === null || span.start === span.end) {
      if (span) response.setHeader('Content-Length', 0);
      response.end();
      return;
    }
    const reader = await file.content();
    const begin = (): void => void response.setHeader('Content-Length', span.end - span.start);
    const stallMs = this.config.stallSeconds * 1000;
    try {
      await deliver(reader, span, response, { budgets: this.budgets, stallMs, begin });
    } catch (error) {
      // Half an answer must not look like a whole one, and a client that left needs none.
      if (!response.headersSent && !response.destroyed) throw error;
      response.destroy();
    }
  }

  /** Sets the status and all headers but the length. Null when the client has the bytes already. */
  private answerHead(request: Request, response: Response, file: OpenFile): ByteSpan | null {
    const { version, node } = file;
    const modifiedAt = version.version_modified_at;
    response.setHeader('ETag', etagOf(version.version));
    response.setHeader('Last-Modified', modifiedAt.toUTCString());
    response.setHeader('Cache-Control', 'private, no-cache');
    if (isUnchanged(request.headers, version.version, modifiedAt)) {
      response.status(304);
      return null;
    }
    response.setHeader('Accept-Ranges', 'bytes');
    const holds = rangeHolds(request.get('if-range'), version.version, modifiedAt);
    const span = this.span(response, holds ? request.get('range') : undefined, version.size);
    response.setHeader('Content-Type', version.content_type);
    response.setHeader('Content-Disposition', attachment(node.name));
    response.setHeader('Content-Security-Policy', "sandbox; default-src 'none'");
    response.setHeader('Repr-Digest', `sha-256=:${file.sha256.toString('base64')}:`);
    return span;
  }

  private span(response: Response, header: string | undefined, size: number): ByteSpan {
    try {
      const range = parseRange(header, size);
      if (!range) return { start: 0, end: size };
      response.status(206).setHeader('Content-Range', `bytes ${range.start}-${range.end - 1}/${size}`);
      return range;
    } catch (error) {
      if (error instanceof RangeUnsatisfiable) response.setHeader('Content-Range', `bytes */${size}`);
      throw error;
    }
  }
}

/** Aborts when the connection closes before the whole body has come. */
function whenGone(request: Request): AbortSignal {
  const gone = new AbortController();
  request.once('close', () => request.complete || gone.abort(new BodyCutShort()));
  return gone.signal;
}

/** Nothing stored is ever shown as a page of ours; the name in ASCII for old clients, and as it is for others. */
function attachment(name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16)}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
