import type { IncomingHttpHeaders } from 'node:http';
import { DavUnreadable } from './faults.js';
import { davChildren, rootOf } from './property-requests.js';
import { writeXml } from './xml/write-xml.js';

/** Programs renew what they still want; a lock whose program died is in nobody's way for longer than this. */
const LONGEST_SECONDS = 3600;
const LONGEST_OWNER = 4096;

export interface LockInfo {
  readonly shared: boolean;
  readonly owner: string;
}

export function readLockInfo(body: Buffer): LockInfo {
  const parts = davChildren(rootOf(body, 'lockinfo'));
  const inner = (name: string): string | undefined => {
    const part = parts.find((one) => one.name === name);
    return part && davChildren(part)[0]?.name;
  };
  const scope = inner('lockscope');
  if (scope !== 'exclusive' && scope !== 'shared') throw new DavUnreadable('A lock is either exclusive or shared.');
  if (inner('locktype') !== 'write') throw new DavUnreadable('There are no locks but those on writing.');
  const owner = parts.find(({ name }) => name === 'owner');
  const text = owner ? writeXml(owner) : '';
  if (Buffer.byteLength(text) > LONGEST_OWNER)
    throw new DavUnreadable('The owner of a lock is described too lengthily.');
  return { shared: scope === 'shared', owner: text };
}

/** The first wish that is understood; never longer than we like. */
export function timeoutOf(headers: IncomingHttpHeaders): number {
  for (const wish of String(headers['timeout'] ?? '').split(',')) {
    const seconds = /^second-(\d{1,12})$/i.exec(wish.trim())?.[1];
    if (seconds !== undefined) return Math.min(LONGEST_SECONDS, Math.max(1, Number(seconds)));
  }
  return LONGEST_SECONDS;
}

export function lockTokenOf(headers: IncomingHttpHeaders): string {
  const token = /^\s*<([^<>\s]+)>\s*$/.exec(String(headers['lock-token'] ?? ''))?.[1];
  if (token === undefined) throw new DavUnreadable('The header Lock-Token does not hold a token in angle brackets.');
  return token.toLowerCase();
}
