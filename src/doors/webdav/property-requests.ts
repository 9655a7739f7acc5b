import type { PropertyChange, PropertyName } from '../../files/index.js';
import { DavUnreadable } from './faults.js';
import { DAV } from './live-properties.js';
import { readXml, type XmlElement } from './xml/read-xml.js';
import { writeXml } from './xml/write-xml.js';

/** What a PROPFIND asks for. */
export type Asked =
  | { readonly kind: 'all'; readonly also: readonly PropertyName[] }
  | { readonly kind: 'names' }
  | { readonly kind: 'these'; readonly names: readonly PropertyName[] };

const MOST_NAMES = 500;

/** No body asks for everything. */
export function readPropfind(body: Buffer): Asked {
  if (body.length === 0) return { kind: 'all', also: [] };
  const root = rootOf(body, 'propfind');
  const kinds = davChildren(root).filter(({ name }) => ['allprop', 'propname', 'prop'].includes(name));
  const [kind, more] = kinds;
  if (!kind || more) throw new DavUnreadable('A propfind holds one of allprop, propname and prop.');
  if (kind.name === 'propname') return { kind: 'names' };
  if (kind.name === 'prop') return { kind: 'these', names: namesIn(kind) };
  return {
    kind: 'all',
    also: davChildren(root)
      .filter(({ name }) => name === 'include')
      .flatMap(namesIn),
  };
}

/** The changes in the order in which they are to be made. */
export function readProppatch(body: Buffer): PropertyChange[] {
  const changes = davChildren(rootOf(body, 'propertyupdate')).flatMap((step) => {
    if (step.name !== 'set' && step.name !== 'remove') return [];
    const properties = davChildren(step)
      .filter(({ name }) => name === 'prop')
      .flatMap(elementsIn);
    return properties.map((property) => (step.name === 'set' ? setting(property) : { remove: nameOf(property) }));
  });
  if (changes.length === 0) throw new DavUnreadable('A propertyupdate sets or removes at least one property.');
  if (changes.length > MOST_NAMES) throw new DavUnreadable(`More than ${MOST_NAMES} properties at once.`);
  return changes;
}

function nameOf({ space, name }: XmlElement): PropertyName {
  if (Buffer.byteLength(space) > 1024 || Buffer.byteLength(name) > 255)
    throw new DavUnreadable('A property has too long a name.');
  return { namespace: space, name };
}

export function rootOf(body: Buffer, name: string): XmlElement {
  const root = readXml(body);
  if (root.space !== DAV || root.name !== name)
    throw new DavUnreadable(`The body is no ${name} of the namespace DAV:.`);
  return root;
}

const elementsIn = (element: XmlElement): XmlElement[] => element.children.filter((child) => typeof child !== 'string');

export const davChildren = (element: XmlElement): XmlElement[] =>
  elementsIn(element).filter(({ space }) => space === DAV);

function namesIn(element: XmlElement): PropertyName[] {
  const names = elementsIn(element).map(nameOf);
  if (names.length > MOST_NAMES) throw new DavUnreadable(`More than ${MOST_NAMES} properties at once.`);
  return names;
}

/** ownCloud's name for a file's time, in seconds, by which rclone and others set it after the upload. */
function setting(property: XmlElement): PropertyChange {
  const [text] = property.children;
  const seconds = Number((typeof text === 'string' && /^\s*(\d{1,11})\s*$/.exec(text)?.[1]) || Number.NaN);
  if (property.space !== DAV || property.name !== 'lastmodified') return { set: propertyOf(property) };
  if (Number.isNaN(seconds)) throw new DavUnreadable('lastmodified is a number of seconds since 1970.');
  return { modifiedAt: new Date(seconds * 1000), as: nameOf(property) };
}

/** The whole element is the value: it comes back with its attributes and its language, as it was. */
function propertyOf(element: XmlElement): { namespace: string; name: string; value: string } {
  return { ...nameOf(element), value: writeXml(element) };
}
