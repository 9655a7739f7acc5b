import type { IncomingHttpHeaders } from 'node:http';
import type { Request } from 'express';
import { BodyUnexpected, DavUnreadable } from './faults.js';

export type Depth = 0 | 1 | 'infinity';

export function depthOf(headers: IncomingHttpHeaders, usual: Depth): Depth {
  const header = headers['depth'];
  if (header === undefined) return usual;
  const text = String(header).trim().toLowerCase();
  if (text === '0') return 0;
  if (text === '1') return 1;
  if (text === 'infinity') return 'infinity';
  throw new DavUnreadable('The header Depth is neither 0, nor 1, nor infinity.');
}

export function overwriteOf(headers: IncomingHttpHeaders): boolean {
  const header = String(headers['overwrite'] ?? 'T')
    .trim()
    .toUpperCase();
  if (header !== 'T' && header !== 'F') throw new DavUnreadable('The header Overwrite is neither T nor F.');
  return header === 'T';
}

/** How long a body is that comes without a length: Finder tells it in a header of its own. */
export function expectedLength(headers: IncomingHttpHeaders): number | undefined {
  const header = headers['x-expected-entity-length'];
  if (headers['transfer-encoding'] === undefined || typeof header !== 'string') return undefined;
  const length = Number(header);
  return /^\d{1,16}$/.test(header) && Number.isSafeInteger(length) ? length : undefined;
}

export function refuseAnyBody(request: Request): void {
  const length = Number(request.headers['content-length'] ?? 0);
  if (length > 0 || request.headers['transfer-encoding'] !== undefined) throw new BodyUnexpected();
}
