import { Controller, Delete, Head, HttpCode, Inject, Options, Patch, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { IdParams } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromPath, USERS } from '../../access/index.js';
import { Config } from '../../config/index.js';
import { AppendToUpload, OffsetWrong, type Upload, Uploads } from '../../transfers/index.js';
import { lockTokens } from '../../files/index.js';
import { OverrideUnfit, TusUnspoken } from './faults.js';
import { PartBody } from './part-body.js';
import {
  bringsPart,
  CHECKSUMS,
  checksum,
  lateLength,
  metadata,
  refuseConcatenation,
  requirePart,
  TUS_VERSION,
  uploadLength,
  uploadOffset,
} from './tus-headers.js';

const PART = { media: 'application/offset+octet-stream' };
const TUS = { 'Tus-Resumable': '1.0.0' };
const LOCK = { 'Lock-Token': 'of a lock on the path, as `<urn:uuid:…>`; or in `If`' };

/** Uploads that go on after a lost connection, by the protocol tus 1.0. */
@Controller('api/uploads')
export class TusController {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly uploads: Uploads,
    private readonly append: AppendToUpload,
  ) {}

  @Options(['', ':id'])
  @HttpCode(204)
  @Access('public')
  @Describe({ summary: 'Says what of tus is spoken here.', answers: { 204: null } })
  greet(@Res({ passthrough: true }) response: Response): void {
    response.setHeader('Tus-Version', TUS_VERSION);
    response.setHeader(
      'Tus-Extension',
      'creation,creation-with-upload,creation-defer-length,termination,checksum,expiration',
    );
    response.setHeader('Tus-Checksum-Algorithm', CHECKSUMS.join(','));
    response.setHeader('Allow', 'OPTIONS, POST, HEAD, PATCH, DELETE');
  }

  @Post()
  @HttpCode(201)
  @Access(USERS)
  @Describe({
    summary: 'Begins an upload (tus). A first part may come with it.',
    answers: { 201: null },
    rawBody: PART,
    headers: {
      ...TUS,
      'Upload-Length': 'how long the file is; or `Upload-Defer-Length: 1`',
      'Upload-Metadata': '`path` (or `filename`), `filetype`, `mtime`, each in Base64',
      'Upload-Checksum': 'of the part that comes with it',
      ...LOCK,
    },
    problems: [
      'bad-name',
      'is-folder',
      'not-a-folder',
      'quota-exceeded',
      'storage-full',
      'tus-version',
      'conflict',
      'locked',
      'not-implemented',
    ],
  })
  async begin(
    @CurrentCaller() { accountId }: Caller,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    requireTus(request, response);
    refuseConcatenation(request.headers);
    const { text, names, contentType, modifiedAt } = metadata(request.headers);
    const length = uploadLength(request.headers);
    const sum = bringsPart(request.headers) ? checksum(request.headers) : null;
    const wanted = { account: accountId, names, contentType, metadata: text, modifiedAt, length };
    const upload = await this.uploads.begin(wanted, lockTokens(request.headers));
    response.setHeader('Location', `/api/uploads/${upload.id}`);
    if (bringsPart(request.headers)) await this.take(upload, sum, undefined, request, response);
    else tellTime(await this.append.finish(upload, lockTokens(request.headers)), response);
  }

  @Head(':id')
  @Access(USERS)
  @Describe({
    summary: 'How far an upload has come (tus).',
    answers: { 200: null },
    headers: TUS,
    problems: ['tus-version', 'upload-lost'],
  })
  async look(
    @CurrentCaller() { accountId }: Caller,
    @FromPath(IdParams) { id }: IdParams,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.tell(accountId, id, request, response);
    response.end();
  }

  @Patch(':id')
  @HttpCode(204)
  @Access(USERS)
  @Describe({
    summary: 'Goes on with an upload where it stands (tus). When all has come, the file is there.',
    answers: { 204: null },
    rawBody: PART,
    headers: {
      ...TUS,
      'Upload-Offset': 'where the part begins: where the upload stands',
      'Upload-Length': 'for an upload that had deferred it',
      'Upload-Checksum': 'of the part; one that does not fit is dropped',
      ...LOCK,
    },
    problems: [
      'upload-offset',
      'upload-lost',
      'body-unexpected',
      'too-large',
      'checksum-mismatch',
      'quota-exceeded',
      'tus-version',
      'locked',
    ],
  })
  async goOn(
    @CurrentCaller() { accountId }: Caller,
    @FromPath(IdParams) { id }: IdParams,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    requireTus(request, response);
    requirePart(request.headers);
    const offset = uploadOffset(request.headers);
    const sum = checksum(request.headers);
    const upload = await this.uploads.find(accountId, id);
    if (upload.offset !== offset) throw new OffsetWrong(upload.offset);
    await this.take(upload, sum, lateLength(request.headers), request, response);
  }

  /** For clients whose proxies know few methods. */
  @Post(':id')
  @HttpCode(204)
  @Access(USERS)
  @Describe({
    summary: 'HEAD, PATCH or DELETE, for those who cannot send it (tus).',
    answers: { 204: null },
    rawBody: PART,
    headers: { ...TUS, 'X-HTTP-Method-Override': 'HEAD, PATCH or DELETE' },
    problems: ['method-not-allowed', 'tus-version', 'upload-offset', 'upload-lost'],
  })
  async instead(
    @CurrentCaller() caller: Caller,
    @FromPath(IdParams) params: IdParams,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    requireTus(request, response);
    const method = String(request.headers['x-http-method-override'] ?? '').toUpperCase();
    if (method === 'HEAD') return this.tell(caller.accountId, params.id, request, response);
    if (method === 'DELETE') return this.giveUp(caller, params, request, response);
    if (method === 'PATCH') return this.goOn(caller, params, request, response);
    response.setHeader('Allow', 'OPTIONS, HEAD, PATCH, DELETE');
    throw new OverrideUnfit();
  }

  @Delete(':id')
  @HttpCode(204)
  @Access(USERS)
  @Describe({ summary: 'Gives an upload up (tus).', answers: { 204: null }, headers: TUS, problems: ['tus-version'] })
  async giveUp(
    @CurrentCaller() { accountId }: Caller,
    @FromPath(IdParams) { id }: IdParams,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    requireTus(request, response);
    await this.uploads.giveUp(accountId, id);
  }

  private async tell(account: string, id: string, request: Request, response: Response): Promise<void> {
    requireTus(request, response);
    response.setHeader('Cache-Control', 'no-store');
    const upload = await this.append.finish(await this.uploads.find(account, id), lockTokens(request.headers));
    response.setHeader('Upload-Offset', upload.offset);
    if (upload.length === null) response.setHeader('Upload-Defer-Length', '1');
    else response.setHeader('Upload-Length', upload.length);
    if (upload.metadata !== '') response.setHeader('Upload-Metadata', upload.metadata);
    tellTime(upload, response);
  }

  private async take(
    upload: Upload,
    sum: ReturnType<typeof checksum>,
    length: number | undefined,
    request: Request,
    response: Response,
  ): Promise<void> {
    const whole = length ?? upload.length;
    const most = whole === null ? null : Math.max(0, whole - upload.offset);
    const part = new PartBody(request, { most, checksum: sum }, this.config.stallSeconds * 1000);
    const { account, id, offset } = upload;
    const tokens = lockTokens(request.headers);
    const open = (signal: AbortSignal): AsyncIterable<Buffer> => {
      if (request.expectsContinue === true) response.writeContinue();
      return part.pieces(signal);
    };
    const appended = await this.append.run({ account, id, offset, length, verify: part.verify, tokens }, open);
    if (part.cut) throw part.cut;
    response.setHeader('Upload-Offset', appended.upload.offset);
    if (appended.file) response.setHeader('ETag', appended.file.etag);
    tellTime(appended.upload, response);
  }
}

/** Until when an unfinished upload goes on. */
function tellTime(upload: Upload, response: Response): void {
  if (!upload.published) response.setHeader('Upload-Expires', upload.expires_at.toUTCString());
}

/** Every answer says the version that it speaks, also those that never come to the handlers above. */
export function sayVersion(_request: Request, response: Response, next: () => void): void {
  response.setHeader('Tus-Resumable', TUS_VERSION);
  next();
}

/** An answer that refuses another version says which there are. */
function requireTus(request: Request, response: Response): void {
  if (request.headers['tus-resumable'] === TUS_VERSION) return;
  response.setHeader('Tus-Version', TUS_VERSION);
  throw new TusUnspoken();
}
