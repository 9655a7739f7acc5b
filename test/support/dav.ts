import type { OutgoingHttpHeaders } from 'node:http';
import { expect } from 'vitest';
import { readXml, type XmlElement } from '../../src/doors/webdav/xml/read-xml.js';
import { Client, type Received, type Sent } from './client.js';

export const LOCKINFO = (scope: 'exclusive' | 'shared' = 'exclusive'): string =>
  `<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:${scope}/></D:lockscope>` +
  `<D:locktype><D:write/></D:locktype><D:owner><D:href>somebody</D:href></D:owner></D:lockinfo>`;

/** One entry of a multistatus: each property's text, or its elements' names, by status. */
export interface Shown {
  readonly href: string;
  readonly found: ReadonlyMap<string, XmlElement>;
  readonly missing: readonly string[];
}

/** A program that speaks WebDAV. */
export class DavClient extends Client {
  dav(method: string, path: string, sent: Omit<Sent, 'method'> = {}): Promise<Received> {
    return this.send(`/dav/${path}`, { method, ...sent });
  }

  /** Answers the token. */
  async lock(
    path: string,
    options: { scope?: 'exclusive' | 'shared'; headers?: OutgoingHttpHeaders } = {},
  ): Promise<string> {
    const answer = await this.dav('LOCK', path, { body: LOCKINFO(options.scope), headers: { ...options.headers } });
    expect([200, 201], answer.body.toString()).toContain(answer.status);
    return /^<(urn:uuid:.*)>$/.exec(String(answer.headers['lock-token']))![1]!;
  }

  unlock(path: string, token: string): Promise<Received> {
    return this.dav('UNLOCK', path, { headers: { 'Lock-Token': `<${token}>` } });
  }

  async propfind(path: string, depth: 0 | 1, ...names: readonly string[]): Promise<Shown[]> {
    const asked = names.map((name) => `<D:${name}/>`).join('');
    const body = names.length === 0 ? '' : `<D:propfind xmlns:D="DAV:"><D:prop>${asked}</D:prop></D:propfind>`;
    const answer = await this.dav('PROPFIND', path, { body, headers: { Depth: String(depth) } });
    expect(answer.status, answer.body.toString()).toBe(207);
    return shownIn(answer.body);
  }
}

const elements = (element: XmlElement): XmlElement[] => element.children.filter((child) => typeof child !== 'string');
const named = (element: XmlElement, name: string): XmlElement[] =>
  elements(element).filter((child) => child.name === name);
export const textOf = (element: XmlElement | undefined): string =>
  element === undefined
    ? ''
    : element.children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');

/** Larger than what the gateway reads of anybody, so it is read entry by entry. */
export function shownIn(body: Buffer): Shown[] {
  const text = body.toString();
  expect(text).toMatch(/<\/D:multistatus>\s*$/);
  return Array.from(text.matchAll(/<D:response>[^]*?<\/D:response>/g), ([response]) => {
    const read = readXml(Buffer.from(response.replace('<D:response>', '<D:response xmlns:D="DAV:">')));
    const properties = (status: string): XmlElement[] =>
      named(read, 'propstat')
        .filter((part) => textOf(named(part, 'status')[0]).includes(` ${status} `))
        .flatMap((part) => named(part, 'prop').flatMap(elements));
    return {
      href: textOf(named(read, 'href')[0]),
      found: new Map(properties('200').map((property) => [property.name, property])),
      missing: properties('404').map(({ name }) => name),
    };
  });
}
