import { Controller, Copy, Delete, Get, Head, HttpCode, Mkcol, Move, Put, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Access, type Caller, CurrentCaller, DAV_USERS, Describe } from '../../access/index.js';
import { Config } from '../../config/index.js';
import {
  CopyEntry,
  IsFolder,
  MoveEntry,
  NameTaken,
  parseTags,
  PreconditionFailed,
  Trash,
  Tree,
} from '../../files/index.js';
import { ContentExchange, uploadHeaders } from '../../transfers/index.js';
import { type Address, DavAddress, destinationOf, hrefOf } from './address.js';
import { DavRefused, DavUnreadable, MethodUnfit } from './faults.js';
import { depthOf, expectedLength, overwriteOf, refuseAnyBody } from './headers.js';

const PATHS = ['dav', 'dav/*path'];
const ANY = { media: '*/*' };
const OVERWRITE = { Destination: 'where to', Overwrite: 'F: only where nothing is' };

/** Files and folders as WebDAV (RFC 4918) names, reads, writes, moves and copies them. */
@Controller()
export class DavController {
  constructor(
    private readonly exchange: ContentExchange,
    private readonly tree: Tree,
    private readonly trash: Trash,
    private readonly mover: MoveEntry,
    private readonly copier: CopyEntry,
    private readonly config: Config,
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
    const { wanted, ...headers } = uploadHeaders(request.headers);
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

  @Delete(PATHS)
  @HttpCode(204)
  @Access(DAV_USERS)
  @Describe({ summary: 'Puts a file, or a folder with all that is in it, into the trash.', answers: { 204: null } })
  remove(@CurrentCaller() caller: Caller, @DavAddress() address: Address, @Req() request: Request): Promise<void> {
    if (depthOf(request.headers, 'infinity') !== 'infinity')
      throw new DavUnreadable('DELETE has no other Depth than infinity.');
    const match = parseTags(request.headers['if-match']);
    return this.trash.put(caller.accountId, address.names, match === undefined ? {} : { match });
  }

  @Mkcol(PATHS)
  @Access(DAV_USERS)
  @Describe({ summary: 'Makes a folder in a folder that is there.', answers: { 201: null } })
  async makeFolder(
    @CurrentCaller() caller: Caller,
    @DavAddress() address: Address,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    refuseAnyBody(request);
    try {
      await this.tree.makeFolder(caller.accountId, address.names, { parentThere: true });
    } catch (error) {
      if (!(error instanceof NameTaken)) throw error;
      response.setHeader('Allow', 'OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, PROPPATCH, COPY, MOVE, LOCK, UNLOCK');
      throw new MethodUnfit('There is something at this path already.');
    }
    response.status(201).setHeader('Content-Length', 0).end();
  }

  @Move(PATHS)
  @Access(DAV_USERS)
  @Describe({ summary: 'Renames or moves, in one transaction.', answers: { 201: null, 204: null }, headers: OVERWRITE })
  move(
    @CurrentCaller() caller: Caller,
    @DavAddress() address: Address,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    if (depthOf(request.headers, 'infinity') !== 'infinity')
      throw new DavUnreadable('MOVE has no other Depth than infinity.');
    return this.#place(address, request, response, (from, to, placing) =>
      this.mover.run(caller.accountId, from.names, to.names, placing),
    );
  }

  @Copy(PATHS)
  @Access(DAV_USERS)
  @Describe({ summary: 'Copies without copying data.', answers: { 201: null, 204: null }, headers: OVERWRITE })
  copy(
    @CurrentCaller() caller: Caller,
    @DavAddress() address: Address,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const depth = depthOf(request.headers, 'infinity');
    if (depth === 1) throw new DavUnreadable('COPY has no other Depth than 0 and infinity.');
    return this.#place(address, request, response, (from, to, placing) =>
      this.copier.run(caller.accountId, from.names, to.names, { ...placing, shallow: depth === 0 }),
    );
  }

  async #place(
    from: Address,
    request: Request,
    response: Response,
    verb: (from: Address, to: Address, placing: Placing) => ReturnType<MoveEntry['run']>,
  ): Promise<void> {
    refuseAnyBody(request);
    const to = destinationOf(request, this.config.publicUrl);
    const overwrite = overwriteOf(request.headers);
    if (hrefOf(from.names, true) === hrefOf(to.names, true))
      throw new DavRefused('Source and destination are the same.');
    try {
      const { replaced } = await verb(from, to, { overwrite, wanted: { parentThere: true } });
      response.status(replaced ? 204 : 201).setHeader('Content-Length', 0);
      response.end();
    } catch (error) {
      // What the other doors call taken is, here, a precondition: Overwrite: F.
      throw error instanceof NameTaken && !overwrite ? new PreconditionFailed() : error;
    }
  }
}

type Placing = Parameters<MoveEntry['run']>[3];
