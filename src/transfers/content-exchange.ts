import { Inject, Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Config } from '../config/index.js';
import { etagOf, type FileRecord, type Names } from '../files/index.js';
import { ByteBudgets } from './byte-budgets.js';
import { isUnchanged, rangeHolds } from './conditional-read.js';
import { deliver, writeOut } from './deliver.js';
import { BodyBeyondLimit, BodyCutShort, RangeUnsatisfiable } from './errors.js';
import { parseRange, type ByteSpan } from './range.js';
import { readBody } from './read-body.js';
import { ReadFile, type OpenFile } from './read-file.js';
import type { UploadHeaders } from './request-headers.js';
import { StoreFile } from './store-file.js';

export interface Source {
  readonly account: string;
  readonly names: Names;
  /** The newest, where none is told. */
  readonly version?: string | undefined;
}

/**
 * A file's bytes as the body of a request, and as that of an answer: what every door that speaks plain HTTP does alike.
 */
@Injectable()
export class ContentExchange {
  constructor(
    @Inject(Config) private readonly config: Config,
    private readonly storeFile: StoreFile,
    private readonly readFile: ReadFile,
    private readonly budgets: ByteBudgets,
  ) {}

  /** Stores the request's body as the newest version; answers nothing yet but «100 Continue». */
  async store(
    target: { account: string; names: Names; headers: UploadHeaders; most?: number | null },
    request: Request,
    response: Response,
  ): Promise<{ file: FileRecord; created: boolean }> {
    const { account, names, headers, most = null } = target;
    if (most !== null && (headers.length ?? 0) > most) throw new BodyBeyondLimit(most);
    const gone = whenGone(request);
    const open = (signal: AbortSignal): AsyncIterable<Buffer> => {
      if (request.expectsContinue === true) response.writeContinue();
      const body = readBody(request, { signal, stallMs: this.config.stallSeconds * 1000 });
      return most === null ? body : upTo(most, body);
    };
    const stored = await this.storeFile.run({ account, names, ...headers }, { open, gone });
    if (headers.modifiedAt) response.setHeader('X-OC-Mtime', 'accepted');
    response.setHeader('ETag', stored.file.etag);
    return stored;
  }

  /** What GET would answer, without the bytes. */
  async answerHead(source: Source, request: Request, response: Response): Promise<void> {
    this.answerFileHead(await this.readFile.run(source.account, source.names, source.version), request, response);
  }

  /** The same for a file that was opened some other way than by its path. */
  answerFileHead(file: OpenFile, request: Request, response: Response): void {
    const span = this.setHead(request, response, file);
    if (span !== null) response.setHeader('Content-Length', span.end - span.start);
    response.end();
  }

  async answer(source: Source, request: Request, response: Response): Promise<void> {
    await this.answerFile(await this.readFile.run(source.account, source.names, source.version), request, response);
  }

  async answerFile(file: OpenFile, request: Request, response: Response): Promise<void> {
    const span = this.setHead(request, response, file);
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

  /** A whole file as a part of an answer that goes on. */
  async append(file: OpenFile, response: Response, seen: (plain: Buffer) => void): Promise<void> {
    const end = file.version.size;
    if (end === 0) return;
    const stallMs = this.config.stallSeconds * 1000;
    const delivery = { budgets: this.budgets, stallMs, begin: () => {}, seen, goesOn: true };
    await deliver(await file.content(), { start: 0, end }, response, delivery);
  }

  /** A few bytes of an answer that goes on, as fast as the client takes them. */
  write(response: Response, bytes: Buffer): Promise<void> {
    return writeOut(response, bytes, this.config.stallSeconds * 1000);
  }

  /** Sets the status and all headers but the length. Null when the client has the bytes already. */
  private setHead(request: Request, response: Response, file: OpenFile): ByteSpan | null {
    const { version, node } = file;
    const modifiedAt = version.version_modified_at;
    if (this.setValidators(request, response, { tag: version.version, modifiedAt })) return null;
    response.setHeader('Accept-Ranges', 'bytes');
    const holds = rangeHolds(request.get('if-range'), version.version, modifiedAt);
    const span = this.span(response, holds ? request.get('range') : undefined, version.size);
    response.setHeader('Content-Type', version.content_type);
    response.setHeader('Content-Disposition', attachment(node.name));
    response.setHeader('Content-Security-Policy', "sandbox; default-src 'none'");
    response.setHeader('Repr-Digest', `sha-256=:${file.sha256.toString('base64')}:`);
    return span;
  }

  /** Sets what a client recognises its copy by; and 304, and answers true, where it has the bytes already. */
  setValidators(request: Request, response: Response, { tag, modifiedAt }: { tag: string; modifiedAt: Date }): boolean {
    response.setHeader('ETag', etagOf(tag));
    response.setHeader('Last-Modified', modifiedAt.toUTCString());
    response.setHeader('Cache-Control', 'private, no-cache');
    const unchanged = isUnchanged(request.headers, tag, modifiedAt);
    if (unchanged) response.status(304);
    return unchanged;
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

/** For a body whose length was not told: it ends with BodyBeyondLimit where it goes on too long. */
async function* upTo(most: number, body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > most) throw new BodyBeyondLimit(most);
    yield piece;
  }
}

/** Aborts when the connection closes before the whole body has come. */
function whenGone(request: Request): AbortSignal {
  const gone = new AbortController();
  request.once('close', () => request.complete || gone.abort(new BodyCutShort()));
  return gone.signal;
}

/** Nothing stored is ever shown as a page of ours; the name in ASCII for old clients, and as it is for others. */
export function attachment(name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16)}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
