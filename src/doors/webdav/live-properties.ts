import { type HeldLock, holdingAt, type Names, type Outline } from '../../files/index.js';
import { escapeXml, showable } from './xml/characters.js';
import { activeLock, SUPPORTED_LOCKS } from './lock-xml.js';

export const DAV = 'DAV:';

/** A file or folder with what is shown of it beside its outline. */
export interface Shown {
  readonly entry: Outline;
  readonly names: Names;
  readonly locks: readonly HeldLock[];
  /** Asked for only where somebody wants to know: the room that the account has. */
  readonly room: { used: number; available: number | null } | null;
}

interface LiveProperty {
  readonly name: string;
  /** Quotas cost a look into sums, and are told to who asks for them by name (RFC 4331). */
  readonly byNameOnly?: boolean;
  /** The inner XML; null where this entry has no such property. */
  readonly value: (shown: Shown) => string | null;
}

const ofFile = (show: (file: NonNullable<Outline['file']>) => string) => (shown: Shown) =>
  shown.entry.file === null ? null : show(shown.entry.file);
const ofFolder = (show: (shown: Shown) => string | null) => (shown: Shown) =>
  shown.entry.file === null ? show(shown) : null;
const number = (value: number | null | undefined): string | null => (value == null ? null : String(value));

/** What the gateway itself knows; nobody sets these. */
const LIVE: readonly LiveProperty[] = [
  { name: 'resourcetype', value: ({ entry }) => (entry.file === null ? '<D:collection/>' : '') },
  { name: 'displayname', value: ({ entry }) => escapeXml(showable(entry.name)).replaceAll('\r', '&#13;') },
  { name: 'creationdate', value: ({ entry }) => `${entry.createdAt.toISOString().slice(0, 19)}Z` },
  { name: 'getlastmodified', value: ({ entry }) => entry.modifiedAt.toUTCString() },
  { name: 'getcontentlength', value: ofFile((file) => String(file.size)) },
  { name: 'getcontenttype', value: ofFile((file) => escapeXml(showable(file.contentType))) },
  { name: 'getetag', value: ofFile((file) => escapeXml(file.etag)) },
  { name: 'supportedlock', value: () => SUPPORTED_LOCKS },
  { name: 'lockdiscovery', value: ({ locks, names }) => holdingAt(locks, names).map(activeLock).join('') },
  { name: 'quota-used-bytes', byNameOnly: true, value: ofFolder(({ room }) => number(room?.used)) },
  { name: 'quota-available-bytes', byNameOnly: true, value: ofFolder(({ room }) => number(room?.available)) },
];

const BY_NAME = new Map(LIVE.map((property) => [property.name, property]));

export const isLive = (space: string, name: string): boolean => space === DAV && BY_NAME.has(name);
export const isQuota = (space: string, name: string): boolean => space === DAV && /^quota-/.test(name);
export const isAboutLocks = (space: string, name: string): boolean => space === DAV && name === 'lockdiscovery';

/** One by its name, or null where there is no such property of this entry. */
export function liveProperty(shown: Shown, name: string): string | null {
  const value = BY_NAME.get(name)?.value(shown);
  return value == null ? null : written(name, value);
}

export function allLiveProperties(shown: Shown): string {
  return usual(shown)
    .map(({ name, value }) => written(name, value))
    .join('');
}

export function liveNames(shown: Shown): string {
  return usual(shown)
    .map(({ name }) => written(name, ''))
    .join('');
}

function usual(shown: Shown): { name: string; value: string }[] {
  return LIVE.filter((property) => property.byNameOnly !== true).flatMap(({ name, value }) => {
    const inner = value(shown);
    return inner === null ? [] : [{ name, value: inner }];
  });
}

const written = (name: string, inner: string): string =>
  inner === '' ? `<D:${name}/>` : `<D:${name}>${inner}</D:${name}>`;
