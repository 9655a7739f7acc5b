import type { IncomingHttpHeaders } from 'node:http';
import { parseTags, PreconditionFailed } from '../files/index.js';

/** Whether the client has it already (304). Throws PreconditionFailed. The order is that of RFC 9110, section 13.2.2. */
export function isUnchanged(headers: IncomingHttpHeaders, version: string, modifiedAt: Date): boolean {
  const match = parseTags(headers['if-match']);
  if (match !== undefined) {
    if (match !== '*' && !match.includes(version)) throw new PreconditionFailed();
  } else if (isLater(modifiedAt, headers['if-unmodified-since'])) {
    throw new PreconditionFailed();
  }
  const noneMatch = parseTags(headers['if-none-match']);
  if (noneMatch !== undefined) {
    return noneMatch === '*' || noneMatch.some((tag) => tag === version || tag === `W/"${version}"`);
  }
  const since = headers['if-modified-since'];
  return since !== undefined && !Number.isNaN(Date.parse(since)) && !isLater(modifiedAt, since);
}

/** Whether a range may be served: without `If-Range`, or when it names exactly this version. */
export function rangeHolds(header: string | undefined, version: string, modifiedAt: Date): boolean {
  if (header === undefined) return true;
  if (header.trim() === `"${version}"`) return true;
  const date = Date.parse(header);
  return !header.includes('"') && !Number.isNaN(date) && seconds(modifiedAt) === Math.floor(date / 1000);
}

function isLater(modifiedAt: Date, header: string | undefined): boolean {
  const date = header === undefined ? Number.NaN : Date.parse(header);
  return !Number.isNaN(date) && seconds(modifiedAt) > Math.floor(date / 1000);
}

/** HTTP dates have whole seconds. */
function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
