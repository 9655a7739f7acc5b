import { Controller, Propfind as Looks, Proppatch, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Access, type Caller, CurrentCaller, DAV_USERS, Describe, readSmallBody } from '../../access/index.js';
import { Properties, type PropertyChange, type PropertyName, TooManyProperties } from '../../files/index.js';
import { type Address, DavAddress, hrefOf } from './address.js';
import { DavRefused } from './faults.js';
import { depthOf } from './headers.js';
import { isLive } from './live-properties.js';
import { PROLOGUE, propstat } from './multistatus.js';
import { Preconditioned } from './preconditioned.js';
import { emptyOf, Propfind } from './propfind.js';
import { readPropfind, readProppatch } from './property-requests.js';
import { escapeXml } from './xml/characters.js';

const PATHS = ['dav', 'dav/*path'];
const XML = { media: 'application/xml' };

/** What WebDAV calls properties: what the gateway knows of files and folders, and what programs note down about them. */
@Controller()
export class PropertiesController {
  constructor(
    private readonly propfind: Propfind,
    private readonly properties: Properties,
    private readonly preconditioned: Preconditioned,
  ) {}

  @Looks(PATHS)
  @Access(DAV_USERS)
  @Describe({
    summary: 'Properties of a file or folder, and of what lies in it.',
    answers: { 207: XML },
    rawBody: XML,
    headers: { Depth: '0 or 1' },
  })
  async look(
    @CurrentCaller() caller: Caller,
    @DavAddress() address: Address,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const depth = depthOf(request.headers, 'infinity');
    const asked = readPropfind(await readSmallBody(request, response));
    if (depth === 'infinity')
      throw new DavRefused('A PROPFIND of a whole tree is not answered: ask with Depth 0 or 1.');
    await this.propfind.answer(caller.accountId, address.names, { asked, children: depth === 1 }, response);
  }

  @Proppatch(PATHS)
  @Access(DAV_USERS)
  @Describe({ summary: 'Notes properties down, all of them or none.', answers: { 207: XML }, rawBody: XML })
  async change(
    @CurrentCaller() caller: Caller,
    @DavAddress() address: Address,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const changes = readProppatch(await readSmallBody(request, response));
    const wanted = await this.preconditioned.wanted(caller.accountId, address, request);
    const live = changes.map(nameIn).filter((one) => isLive(one.namespace, one.name));
    const refused = live.length > 0 ? { names: live, status: '403 Forbidden' } : null;
    const failed = refused ?? (await this.#change(caller.accountId, address, changes, wanted));
    const body = outcome(hrefOf(address.names, address.slash), changes.map(nameIn), failed);
    response.status(207).setHeader('Content-Type', 'application/xml; charset=utf-8').end(body);
  }

  async #change(
    account: string,
    address: Address,
    changes: readonly PropertyChange[],
    wanted: Awaited<ReturnType<Preconditioned['wanted']>>,
  ): Promise<Failed | null> {
    try {
      await this.properties.change(account, address.names, changes, wanted);
      return null;
    } catch (error) {
      if (!(error instanceof TooManyProperties)) throw error;
      return { names: changes.map(nameIn), status: '507 Insufficient Storage' };
    }
  }
}

interface Failed {
  readonly names: readonly PropertyName[];
  readonly status: string;
}

function nameIn(change: PropertyChange): PropertyName {
  if ('set' in change) return change.set;
  return 'remove' in change ? change.remove : change.as;
}

const same = (a: PropertyName, b: PropertyName): boolean => a.namespace === b.namespace && a.name === b.name;

/** All were changed; or some could not be, and the others were not for their sake. */
function outcome(href: string, names: readonly PropertyName[], failed: Failed | null): string {
  const distinct = names.filter((name, nth) => names.findIndex((other) => same(name, other)) === nth);
  const isAtFault = (name: PropertyName): boolean => failed?.names.some((other) => same(name, other)) ?? false;
  const spared = distinct.filter((name) => !isAtFault(name)).map(emptyOf);
  const parts = failed
    ? propstat(distinct.filter(isAtFault).map(emptyOf).join(''), failed.status) +
      propstat(spared.join(''), '424 Failed Dependency')
    : propstat(spared.join(''), '200 OK');
  const inner = `<D:response><D:href>${escapeXml(href)}</D:href>${parts}</D:response>`;
  return `${PROLOGUE}<D:multistatus xmlns:D="DAV:">${inner}</D:multistatus>\n`;
}
