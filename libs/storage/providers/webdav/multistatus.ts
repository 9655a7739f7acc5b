import { ConnectionAway } from '../../errors.js';
import { readXml, type XmlElement, XmlUnreadable } from './xml.js';

/** What a server says of one file or folder. */
export interface Resource {
  /** Decoded, without a slash at its end. */
  readonly path: string;
  readonly folder: boolean;
  readonly length: number | null;
  readonly quotaAvailable: number | null;
  readonly quotaUsed: number | null;
}

const dav = 'DAV:';

/** Named one by one: quotas are not told to those who ask for everything. */
export const askedProperties =
  '<?xml version="1.0" encoding="utf-8"?><d:propfind xmlns:d="DAV:"><d:prop><d:resourcetype/><d:getcontentlength/>' +
  '</d:prop></d:propfind>';
export const askedQuota =
  '<?xml version="1.0" encoding="utf-8"?><d:propfind xmlns:d="DAV:"><d:prop><d:quota-available-bytes/>' +
  '<d:quota-used-bytes/></d:prop></d:propfind>';

/** The resources of a 207 that are there. */
export function readMultistatus(text: string): Resource[] {
  try {
    const root = readXml(text);
    if (!is(root, 'multistatus')) throw new XmlUnreadable('not a multistatus');
    return root.children.filter((child) => is(child, 'response')).flatMap((response) => readResponse(response) ?? []);
  } catch (error) {
    if (!(error instanceof XmlUnreadable)) throw error;
    throw new ConnectionAway('The server answered with something that cannot be read.', { cause: error });
  }
}

/** What lies in the folder that was asked for: whichever answer is about the folder itself is left out. */
export function childrenOf(resources: readonly Resource[], asked: string): Resource[] {
  const exact = resources.filter(({ path }) => path !== asked);
  if (exact.length < resources.length) return exact;
  // Behind a proxy that changes paths, the folder itself is the one that lies above the others.
  const depths = resources.map(({ path }) => path.split('/').length);
  const least = Math.min(...depths);
  const above = resources.filter((_, index) => depths[index] === least);
  return above.length === 1 && above[0]!.folder
    ? resources.filter((resource) => resource !== above[0])
    : [...resources];
}

export function nameOf({ path }: Resource): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function readResponse(response: XmlElement): Resource | null {
  const path = pathOf(child(response, 'href')?.text ?? '');
  // One group for each status, in any order; without any the resource as a whole has a status, and is not there.
  const group = response.children.find((part) => is(part, 'propstat') && isFine(child(part, 'status')?.text));
  const groups = response.children.some((part) => is(part, 'propstat'));
  if (path === null || !groups) return null;
  const props = group && child(group, 'prop');
  const type = props && child(props, 'resourcetype');
  return {
    path,
    folder: type?.children.some((kind) => is(kind, 'collection')) ?? false,
    length: numberIn(props, 'getcontentlength'),
    quotaAvailable: numberIn(props, 'quota-available-bytes'),
    quotaUsed: numberIn(props, 'quota-used-bytes'),
  };
}

function is({ space, name }: XmlElement, wanted: string): boolean {
  return space === dav && name === wanted;
}

function child(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((candidate) => is(candidate, name));
}

function isFine(status: string | undefined): boolean {
  return /^HTTP\/\d(?:\.\d)? 200(?: |$)/.test(status?.trim() ?? '');
}

/** Nextcloud says “not computed”, “unknown” and “unlimited” by numbers below zero. */
function numberIn(props: XmlElement | undefined, name: string): number | null {
  const text = (props && child(props, name)?.text.trim()) ?? '';
  const value = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(value) ? value : null;
}

function pathOf(href: string): string | null {
  const url = URL.parse(href.trim(), 'http://any.invalid/');
  try {
    return url && decodeURIComponent(url.pathname).replace(/\/+$/, '');
  } catch {
    return null;
  }
}
