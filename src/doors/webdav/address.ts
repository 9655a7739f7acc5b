import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { formatPath, NotFound, namesFromUrl, type Names } from '../../files/index.js';
import { DavUnreadable } from './faults.js';

const MOUNT = '/dav';

/** A path as a WebDAV client writes it. */
export interface Address {
  readonly names: Names;
  /** It ends in a slash: the client means a folder. */
  readonly slash: boolean;
}

/** The address behind `/dav/` as the client wrote it: what routing has decoded could not tell `%2F` from `/`. */
export const DavAddress = createParamDecorator((_: unknown, context: ExecutionContext): Address =>
  addressOf(context.switchToHttp().getRequest<Request>().originalUrl),
);

/** Cut, not parsed: parsing would resolve `..`, which is refused. What is no address of ours names nothing, never the top folder. */
function addressOf(target: string): Address {
  const path = /^(?:https?:\/\/[^/?#]*)?\/dav(?:\/([^?]*))?(?:\?|$)/is.exec(target);
  if (path === null) throw new NotFound();
  const inner = path[1] ?? '';
  const slash = inner === '' || inner.endsWith('/');
  return { names: namesFromUrl(slash ? inner.slice(0, -1) : inner), slash };
}

/** How the gateway names a file or folder in what it answers. */
export function hrefOf(names: Names, isFolder: boolean): string {
  const path = formatPath(names);
  return path === '' ? `${MOUNT}/` : `${MOUNT}/${path}${isFolder ? '/' : ''}`;
}

/**
 * Where COPY and MOVE go. A whole address must be one of this gateway's, by the name that the client called it by or by its
 * public one: what a proxy in between does to the scheme is nobody's fault.
 */
export function destinationOf(request: Request, publicUrl: string): Address {
  const header = request.headers['destination'];
  if (typeof header !== 'string' || header === '') throw new DavUnreadable('The header Destination is missing.');
  const host = /^https?:\/\/([^/?#]*)/i.exec(header)?.[1]?.toLowerCase();
  const ours = [request.headers.host?.toLowerCase(), new URL(publicUrl).host];
  if (host !== undefined && !ours.includes(host)) throw new DavUnreadable('The Destination lies on another server.');
  return ofThisServer(header);
}

/** An address in a header, where one that is not ours is the client's mistake. */
export function ofThisServer(target: string): Address {
  try {
    return addressOf(target);
  } catch (error) {
    if (error instanceof NotFound) throw new DavUnreadable(`An address in a header does not lie below ${MOUNT}/.`);
    throw error;
  }
}
