import { Controller, Copy, Delete, HttpCode, Mkcol, Move, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Access, type Caller, CurrentCaller, DAV_USERS, Describe } from '../../access/index.js';
import { Config } from '../../config/index.js';
import {
  CopyEntry,
  MoveEntry,
  NameTaken,
  type Placed,
  type Placing,
  PreconditionFailed,
  Trash,
  Tree,
} from '../../files/index.js';
import { type Address, DavAddress, destinationOf, hrefOf } from './address.js';
import { DavRefused, DavUnreadable, MethodUnfit } from './faults.js';
import { depthOf, overwriteOf, refuseAnyBody } from './headers.js';
import { Preconditioned } from './preconditioned.js';

const PATHS = ['dav', 'dav/*path'];
const OVERWRITE = { Destination: 'where to', Overwrite: 'F: only where nothing is' };

/** Files and folders as wholes: made, moved, copied, thrown away. */
@Controller()
export class EntriesController {
  constructor(
    private readonly tree: Tree,
    private readonly trash: Trash,
    private readonly mover: MoveEntry,
    private readonly copier: CopyEntry,
    private readonly preconditioned: Preconditioned,
    private readonly config: Config,
  ) {}

  @Delete(PATHS)
  @HttpCode(204)
  @Access(DAV_USERS)
  @Describe({ summary: 'Puts a file, or a folder with all that is in it, into the trash.', answers: { 204: null } })
  async remove(
    @CurrentCaller() caller: Caller,
    @DavAddress() address: Address,
    @Req() request: Request,
  ): Promise<void> {
    if (depthOf(request.headers, 'infinity') !== 'infinity')
      throw new DavUnreadable('DELETE has no other Depth than infinity.');
    const wanted = await this.preconditioned.wanted(caller.accountId, address, request);
    await this.trash.put(caller.accountId, address.names, wanted);
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
    const wanted = await this.preconditioned.wanted(caller.accountId, address, request);
    try {
      await this.tree.makeFolder(caller.accountId, address.names, { ...wanted, parentThere: true });
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
    return this.#place(caller.accountId, address, request, response, (from, to, placing) =>
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
    return this.#place(caller.accountId, address, request, response, (from, to, placing) =>
      this.copier.run(caller.accountId, from.names, to.names, { ...placing, shallow: depth === 0 }),
    );
  }

  async #place(
    account: string,
    from: Address,
    request: Request,
    response: Response,
    verb: (from: Address, to: Address, placing: Placing) => Promise<Placed>,
  ): Promise<void> {
    refuseAnyBody(request);
    const to = destinationOf(request, this.config.publicUrl);
    const overwrite = overwriteOf(request.headers);
    if (hrefOf(from.names, true) === hrefOf(to.names, true))
      throw new DavRefused('Source and destination are the same.');
    const wanted = await this.preconditioned.wanted(account, from, request);
    try {
      const { replaced } = await verb(from, to, { overwrite, wanted: { ...wanted, parentThere: true } });
      response.status(replaced ? 204 : 201).setHeader('Content-Length', 0);
      response.end();
    } catch (error) {
      // What the other doors call taken is, here, a precondition: Overwrite: F.
      throw error instanceof NameTaken && !overwrite ? new PreconditionFailed() : error;
    }
  }
}
