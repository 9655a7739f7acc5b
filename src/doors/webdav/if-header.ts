import { DavUnreadable } from './faults.js';

export interface Condition {
  readonly not: boolean;
  /** A lock's token, or anything else that stands in angle brackets. */
  readonly token?: string;
  /** An entity tag as it is written, quotes and all. */
  readonly etag?: string;
}

/** Conditions that must all hold, of the address that is told, or else of the request's own. */
export interface ConditionList {
  readonly resource: string | null;
  readonly conditions: readonly Condition[];
}

/** Nobody holds so many locks that further ones would be told in one header. */
const MOST = 100;
const PART = /\s*(?:<([^<>\s]*)>|(\()|(\))|\[((?:W\/)?"[^"]*")\]|(Not\b))/iy;

/** The header `If` (RFC 4918, 10.4): it holds when any of the lists does. Null where there is none. Throws DavUnreadable. */
export function readIf(header: string | undefined): ConditionList[] | null {
  if (header === undefined) return null;
  const lists: ConditionList[] = [];
  let resource: string | null = null;
  let open: Condition[] | null = null;
  let not = false;
  for (let at = 0; header.slice(at).trim() !== '';) {
    PART.lastIndex = at;
    const found = PART.exec(header) ?? refuse();
    at = PART.lastIndex;
    const [, angle, begin, end, etag, negation] = found;
    if (open === null) {
      if (begin !== undefined) open = [];
      else if (angle !== undefined) resource = angle;
      else refuse();
    } else if (negation !== undefined && !not) not = true;
    else if (end !== undefined && !not && open.length > 0) {
      lists.push({ resource, conditions: open });
      open = null;
    } else if (angle !== undefined || etag !== undefined) {
      open.push({ not, ...(angle === undefined ? { etag: etag! } : { token: angle.toLowerCase() }) });
      not = false;
    } else refuse();
    if (lists.length + (open?.length ?? 0) > MOST) refuse();
  }
  if (open !== null || lists.length === 0) refuse();
  return lists;
}

function refuse(): never {
  throw new DavUnreadable('The header If cannot be understood.');
}
